-- Campaigns as people change them: what counts for them, what was agreed, who changed what and when.

-- Whose stories can count: those of the participants, or those of every connected account that a rule matches.
alter table app.campaigns
add column scope text not null default 'participants' check (scope in ('participants', 'all'));

-- What this creator was paid, in the campaign's currency; null where it is not known apart from the campaign's cost.
alter table app.campaign_participants add column fee numeric(14, 2) check (fee >= 0);

alter table app.match_rules drop constraint match_rules_kind_check;
alter table app.match_rules add constraint match_rules_kind_check check (kind in ('hashtag', 'mention', 'link'));
-- A path may hold an @, as those of profiles do.
alter table app.match_rules drop constraint match_rules_value_check;
alter table app.match_rules add constraint match_rules_value_check check (
    value ~ case kind when 'link' then '^[^#?\s]+$' else '^[^#@\s]+$' end
);
comment on column app.match_rules.value is
    'a hashtag or handle without its mark, or a host without www. with or without a path: lower case but for the path';

-- What a creator promised to publish, by when. Without an account it is promised by each participant.
create table app.deliverables (
    campaign_id text not null references app.campaigns,
    deliverable_id text not null,
    account_id text references app.accounts,
    kind text not null check (kind in ('story', 'post', 'reel')),
    quantity integer not null check (quantity > 0),
    due_at timestamptz not null,
    primary key (campaign_id, deliverable_id)
);
create index on app.deliverables (account_id);

-- The switch of manual story tracking, with its whole history; off before its first row. It counts from its moment on,
-- never for what was before.
create table app.tracking_switches (
    switch_id bigint generated always as identity primary key,
    campaign_id text not null references app.campaigns,
    switched_at timestamptz not null,
    is_on boolean not null,
    author text not null,
    reason text
);
create index on app.tracking_switches (campaign_id, switched_at);

-- What was known of a brand or a campaign when: each change is a version, the whole of it as one document. It counts as
-- known until the next version is recorded.
create table app.brand_versions (
    brand_id text not null,
    version integer not null,
    recorded_at timestamptz not null,
    author text not null,
    document jsonb not null,
    primary key (brand_id, version)
);
create table app.campaign_versions (
    campaign_id text not null,
    version integer not null,
    recorded_at timestamptz not null,
    author text not null,
    document jsonb not null,
    primary key (campaign_id, version)
);
comment on column app.brand_versions.document is 'the row of app.brands';
comment on column app.campaign_versions.document is
    'the row of app.campaigns, with participants, rules and deliverables as lists of their rows';

-- The document without what it says of accounts that were purged.
create function app.without_buried(document jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
    select document || jsonb_object_agg(list, (
        select coalesce(jsonb_agg(item order by place), '[]')
        from jsonb_array_elements(document -> list) with ordinality as items (item, place)
        where item ->> 'account_id' is null or not app.is_buried(item ->> 'account_id')
    ))
    from unnest(array['participants', 'deliverables']) as list
$$;

-- Documents as of now, the same at all times for the same rows: lists are in order, and times in UTC.
create function app.brand_document(of_brand text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
    select to_jsonb(brands) from app.brands as brands where brand_id = of_brand
$$;
create function app.campaign_document(of_campaign text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
    select app.without_buried(to_jsonb(campaigns) || jsonb_build_object(
        'participants', (
            select coalesce(jsonb_agg(to_jsonb(parts) - 'campaign_id' order by account_id collate "C", valid_from), '[]')
            from app.campaign_participants as parts where parts.campaign_id = of_campaign
        ),
        'rules', (
            select coalesce(jsonb_agg(to_jsonb(rules) - 'campaign_id' order by kind, value collate "C"), '[]')
            from app.match_rules as rules where rules.campaign_id = of_campaign
        ),
        'deliverables', (
            select coalesce(jsonb_agg(to_jsonb(promised) - 'campaign_id' order by deliverable_id collate "C"), '[]')
            from app.deliverables as promised where promised.campaign_id = of_campaign
        )
    ))
    from app.campaigns as campaigns
    where campaign_id = of_campaign
$$;

-- What is there already was written down when nobody kept its changes: it counts as known at all times.
insert into app.brand_versions (brand_id, version, recorded_at, author, document)
select brand_id, 1, 'epoch', 'storykeep db upgrade', app.brand_document(brand_id) from app.brands;
insert into app.campaign_versions (campaign_id, version, recorded_at, author, document)
select campaign_id, 1, 'epoch', 'storykeep db upgrade', app.campaign_document(campaign_id) from app.campaigns;

-- Takes the part of a purged account out of every version; the rest of the version stays.
create function app.purge_versions(doomed text) returns table (purged text, deleted bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.require_buried(doomed);
    -- An import under way is waited for; one that comes later leaves the account out by itself.
    lock table app.campaign_versions in share row exclusive mode;
    update app.campaign_versions set document = app.without_buried(document)
    where jsonb_path_exists(
        document, '$.*[*] ? (@.account_id == $doomed)', jsonb_build_object('doomed', doomed)
    );
    get diagnostics deleted = row_count;
    purged := 'app.campaign_versions (its part)';
    return next;
end $$;
revoke execute on function app.purge_versions from public;

grant select, insert on
    app.deliverables, app.tracking_switches, app.brand_versions, app.campaign_versions
to storykeep_ingest;
grant delete on app.deliverables to storykeep_ingest;
grant execute on function app.purge_versions to storykeep_ingest;
grant select on
    app.deliverables, app.tracking_switches, app.brand_versions, app.campaign_versions
to storykeep_transform;
