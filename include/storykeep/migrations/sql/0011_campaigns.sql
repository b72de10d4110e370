-- Campaigns as people change them: what counts for them, what was agreed, who changed what and when.

-- Whose stories can count: those of the participants, or those of every connected account that a rule matches.
alter table app.campaigns
add column scope text not null default 'participants' check (scope in ('participants', 'all'));

-- What this creator was paid, in the campaign's currency; null where it is not known apart from the campaign's cost.
alter table app.campaign_participants add column fee numeric(14, 2) check (fee >= 0);

alter table app.match_rules drop constraint match_rules_kind_check;
alter table app.match_rules add constraint match_rules_kind_check check (kind in ('hashtag', 'mention', 'link'));

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

-- The switch of manual story tracking, with its whole history. It counts from its moment on, never for what was before:
-- the database gives the moment.
create table app.tracking_switches (
    switch_id bigint generated always as identity primary key,
    campaign_id text not null references app.campaigns,
    switched_at timestamptz not null,
    is_on boolean not null,
    author text not null,
    reason text
);
create index on app.tracking_switches (campaign_id, switched_at);

-- What was known of a brand or a campaign when: each change is a version, the whole of it as one document.
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
comment on column app.campaign_versions.document is
    'the row of app.campaigns, with participants, rules and deliverables as lists of their rows';

grant select, insert on
    app.deliverables, app.tracking_switches, app.brand_versions, app.campaign_versions
to storykeep_ingest;
grant delete on app.deliverables to storykeep_ingest;
grant select on
    app.deliverables, app.tracking_switches, app.brand_versions, app.campaign_versions
to storykeep_transform;
