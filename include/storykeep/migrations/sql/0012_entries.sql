-- Manual entries: what people captured, uploaded, typed from a screenshot, assigned or confirmed.

-- A file of entries as it was loaded.
create table app.entry_files (
    file_hash text primary key,
    name text not null,
    kind text not null,
    author text not null,
    loaded_at timestamptz not null,
    rows_landed integer not null,
    rows_unchanged integer not null,
    rows_rejected integer not null
);

-- Each row is one version of one entry; an edit and a withdrawal are new versions.
create table raw.manual_entries (
    landing_id bigint generated always as identity,
    entry_id text not null,
    version integer not null,
    kind text not null check (kind in ('story_capture', 'creator_upload', 'story_metrics', 'assign', 'confirm_match')),
    account_id text,
    story_id text,
    campaign_id text,
    captured_at timestamptz not null,
    run_id text not null,
    author text not null,
    file_hash text,
    row_number integer,
    evidence_hash text,
    evidence_path text,
    is_withdrawn boolean not null default false,
    payload jsonb not null,
    content_hash text not null,
    primary key (entry_id, version)
);
create index on raw.manual_entries (landing_id);
create index on raw.manual_entries (account_id);
create index on raw.manual_entries (story_id);
comment on column raw.manual_entries.entry_id is
    'sha256 of what the entry is about: the same thing entered again is a version of the same entry';
comment on column raw.manual_entries.story_id is 'the id of the story at Instagram, where the person told it';
comment on column raw.manual_entries.captured_at is 'when it was entered';
comment on column raw.manual_entries.evidence_hash is 'sha256 of the screenshot, which is also the name of the file';
comment on column raw.manual_entries.payload is
    'the row as it was understood: posted_at, permalink, media_type, caption, link, observed_at, metrics, decision, note';

-- Numbers count when another person than their author has approved them. A later decision replaces an earlier one.
create table app.entry_approvals (
    approval_id bigint generated always as identity primary key,
    entry_id text not null,
    version integer not null,
    decided_at timestamptz not null,
    decided_by text not null,
    decision text not null check (decision in ('approved', 'rejected')),
    note text
);
create index on app.entry_approvals (entry_id, version);

grant select, insert on app.entry_files, app.entry_approvals, raw.manual_entries to storykeep_ingest;
grant select on app.entry_files, app.entry_approvals, raw.manual_entries to storykeep_transform;

-- The entries of an account: its own, and those that name a story of it.
create function raw.entries_of(of_account text) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
    with stories as (
        select story_id from raw.stories where account_id = of_account
        union
        select story_id from app.story_clock where account_id = of_account
        union
        select 'manual:' || entry_id from raw.manual_entries where account_id = of_account
    )

    select distinct entry_id
    from raw.manual_entries
    where account_id = of_account or story_id in (select story_id from stories)
$$;

-- Deletes these entries with their approvals; one row for each that is gone, with the path of its evidence unless others
-- have the same.
create function raw.purge_entries(doomed text []) returns table (purged text, path text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
    with approvals as (
        delete from app.entry_approvals as decided where decided.entry_id = any(doomed) returning 1
    )
    select 'app.entry_approvals', null from approvals;
    return query
    with gone as (
        delete from raw.manual_entries as entries
        where entries.entry_id = any(doomed)
        returning entries.evidence_path, entries.evidence_hash
    )
    select
        'raw.manual_entries',
        case when not exists (
            select from raw.manual_entries as others
            where others.evidence_hash = gone.evidence_hash and others.entry_id <> all(doomed)
        ) then gone.evidence_path end
    from gone;
end $$;

-- The entries of a buried account. Of a file that others' entries came in as well the row stays, without its name; so
-- does that of a file which was named after the account.
create function raw.purge_account_entries(doomed text) returns table (purged text, path text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    entries text [];
    files text [];
begin
    perform app.require_buried(doomed);
    select array_agg(entry_id) into entries from raw.entries_of(doomed) as entry_id;
    select array_agg(distinct file_hash) into files from raw.manual_entries where entry_id = any(entries);
    return query select * from raw.purge_entries(coalesce(entries, '{}'));

    return query
    with gone as (
        delete from app.entry_files
        where file_hash = any(files)
            and not exists (select from raw.manual_entries where manual_entries.file_hash = entry_files.file_hash)
        returning 1
    )
    select 'app.entry_files', null from gone;
    return query
    with renamed as (
        update app.entry_files
        set name = '(purged)'
        where name <> '(purged)' and (
            file_hash = any(files)
            or exists (
                select from app.accounts
                where account_id = doomed
                    and lower(name) ~ ('(^|[^a-z0-9])' || replace(username, '.', '\.') || '($|[^a-z0-9])')
            )
        )
        returning 1
    )
    select 'app.entry_files (their names)', null from renamed;
end $$;

-- As before, and with what was entered of these stories.
create or replace function raw.purge_stories(doomed text [], moment timestamptz) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from app.story_clock where story_id = any(doomed) and expires_at > moment) then
        raise exception 'a story that still runs is not purged';
    end if;

    insert into app.tombstones (story_hash, purged_at)
    select distinct encode(sha256(convert_to(story_id, 'UTF8')), 'hex'), moment from unnest(doomed) as story_id
    on conflict do nothing;

    insert into app.purged_stories (account_id, day, stories, purged_at)
    select account_id, (posted_at at time zone 'UTC')::date, count(*), moment
    from app.story_clock
    where story_id = any(doomed) and story_id in (select stories.story_id from raw.stories)
    group by account_id, (posted_at at time zone 'UTC')::date
    on conflict (account_id, day) do update
    set stories = purged_stories.stories + excluded.stories, purged_at = excluded.purged_at;

    update raw.story_listings as listings
    set payload = (
        select jsonb_object_agg(
            case when key = any(doomed) then encode(sha256(convert_to(key, 'UTF8')), 'hex') else key end, value
        )
        from jsonb_each(listings.payload)
    )
    from (
        select account_id, min(posted_at) as posted_at, max(expires_at) as expires_at
        from app.story_clock where story_id = any(doomed) group by account_id
    ) as lives
    where listings.account_id = lives.account_id and listings.payload ?| doomed
        -- With a margin for clocks that differ; it spares the other partitions.
        and listings.captured_at between lives.posted_at - interval '1 day' and lives.expires_at + interval '1 day';

    return query
    select path from raw.purge_entries(array(select entry_id from raw.manual_entries where story_id = any(doomed)))
    where path is not null;

    delete from raw.stories where story_id = any(doomed);
    delete from raw.story_insights where story_id = any(doomed);
    delete from raw.story_insights_kept where story_id = any(doomed);
    delete from app.refused_metrics where media_id = any(doomed);
    delete from app.story_clock where story_id = any(doomed);

    return query
    with gone as (
        delete from raw.media_files where story_id = any(doomed) returning media_files.path, media_files.content_hash
    )
    select distinct gone.path from gone
    where gone.path is not null and not exists (
        select from raw.media_files as others
        where others.content_hash = gone.content_hash and others.story_id <> all(doomed)
    );
end $$;

revoke execute on function
    raw.entries_of, raw.purge_entries, raw.purge_account_entries
from public;
grant execute on function raw.entries_of, raw.purge_account_entries to storykeep_ingest;
