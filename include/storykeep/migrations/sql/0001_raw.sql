-- What the API said, as it said it (less the secrets that it puts in). Append-only for every runtime role.
-- landing_id rises in the order in which rows become visible: landing transactions take turns.

-- One complete read of an account's stories, or the failed try of one.
create table raw.story_listings (
    landing_id bigint generated always as identity,
    account_id text not null,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    status text not null check (status in ('ok', 'failed')),
    cause text,
    error_code integer,
    error_subcode integer,
    payload jsonb,
    content_hash text not null,
    primary key (account_id, captured_at, status)
) partition by range (captured_at);
create index on raw.story_listings (landing_id);
comment on column raw.story_listings.payload is 'story id to the content hash of its node in raw.stories';
comment on column raw.story_listings.cause is 'why a failed listing failed, a cause code';

-- A story node; lands again only when its content changes.
create table raw.stories (
    landing_id bigint generated always as identity,
    story_id text not null,
    account_id text not null,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    payload jsonb not null,
    content_hash text not null,
    primary key (story_id, content_hash)
);
create index on raw.stories (landing_id);

-- One reply to one metric group of one story.
create table raw.story_insights (
    landing_id bigint generated always as identity,
    story_id text not null,
    account_id text not null,
    metric_group text not null,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    status text not null check (status in ('ok', 'empty', 'withheld', 'refused')),
    error_code integer,
    error_subcode integer,
    payload jsonb not null,
    content_hash text not null,
    primary key (story_id, metric_group, captured_at, status)
) partition by range (captured_at);
create index on raw.story_insights (landing_id);

-- One try to archive one file of a story.
create table raw.media_files (
    landing_id bigint generated always as identity,
    story_id text not null,
    account_id text not null,
    kind text not null check (kind in ('media', 'thumbnail')),
    captured_at timestamptz not null,
    run_id text not null,
    status text not null check (status in ('archived', 'missing')),
    cause text,
    content_hash text,
    content_type text,
    size_bytes bigint,
    path text,
    primary key (story_id, kind, captured_at),
    check ((status = 'archived') = (content_hash is not null and path is not null))
);
create index on raw.media_files (landing_id);
comment on column raw.media_files.content_hash is 'sha256 of the bytes, which is also the name of the file';

-- A reply that could not be taken in, kept byte for byte.
create table raw.dead_letters (
    landing_id bigint generated always as identity,
    account_id text not null,
    endpoint text not null,
    captured_at timestamptz not null,
    run_id text not null,
    reason text not null,
    body bytea not null,
    content_hash text not null,
    primary key (account_id, endpoint, content_hash)
);

-- The loader calls this for each day that it lands; owning the tables stays with the owner.
create function raw.ensure_partition(parent text, day date) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    part text := parent || '_' || to_char(day, 'YYYYMMDD');
begin
    if parent not in ('story_listings', 'story_insights') then
        raise exception 'raw.% is not partitioned by day', parent;
    end if;
    if to_regclass('raw.' || part) is null then
        -- Attached, not made in place: that would wait for every open reader of the parent, and capture with it.
        execute format('create table raw.%I (like raw.%I including defaults including constraints)', part, parent);
        execute format(
            'alter table raw.%I attach partition raw.%I for values from (%L) to (%L)',
            parent, part, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC'
        );
    end if;
end $$;
revoke execute on function raw.ensure_partition from public;
grant execute on function raw.ensure_partition to storykeep_ingest;

grant usage on schema raw to storykeep_ingest, storykeep_transform;
grant select, insert on all tables in schema raw to storykeep_ingest;
grant select on all tables in schema raw to storykeep_transform;
