-- Raw rows that are not as agreed with the API: they stay where they are, and the marts are built without them.
create table app.quarantine (
    table_name text not null,
    landing_id bigint not null,
    account_id text,
    reason text not null,
    quarantined_at timestamptz not null,
    released_at timestamptz,
    released_by text,
    release_id bigint unique,
    primary key (table_name, landing_id),
    check (num_nulls(released_at, released_by, release_id) in (0, 3))
);
comment on column app.quarantine.table_name is 'the table of schema raw';
comment on column app.quarantine.reason is 'what does not hold of the row; never what is in it';
comment on column app.quarantine.released_at is 'when a person let the row in after all';
comment on column app.quarantine.release_id is 'by which an incremental build knows the releases since the last one';
create sequence app.releases;
-- A checkpoint may be under way while an account is purged.
grant select (account_hash, readmitted_at) on app.account_tombstones to storykeep_transform;
create trigger skip_purged before insert on app.quarantine for each row execute function app.skip_purged();

-- What is not shown does not come back by the day's being dropped.
create or replace function raw.keep_story_listings(since timestamptz, until timestamptz) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    kept bigint;
begin
    insert into raw.listing_days (account_id, day, status, cause, captured_at)
    select account_id, (since at time zone 'UTC')::date, status, cause, array_agg(captured_at order by captured_at)
    from raw.story_listings as listings
    where captured_at >= since and captured_at < until
        and not exists (
            select from app.quarantine
            where table_name = 'story_listings' and quarantine.landing_id = listings.landing_id
                and released_at is null
        )
    group by account_id, status, cause
    -- A day that is dropped once more brings only what landed late.
    on conflict (account_id, day, status, cause) do update set captured_at = (
        select array_agg(moment order by moment)
        from (
            select unnest(listing_days.captured_at) as moment
            union
            select unnest(excluded.captured_at)
        ) as moments
    );
    get diagnostics kept = row_count;
    return kept;
end $$;

-- Which brand a login may see, with the whole history. A login that has no open row here sees no brand, and
-- storykeep_bi sees all. Only the owner writes it, through `storykeep brands`.
create table app.brand_access (
    login text not null,
    brand_id text not null references app.brands,
    granted_at timestamptz not null,
    granted_by text not null,
    revoked_at timestamptz,
    revoked_by text,
    primary key (login, brand_id, granted_at)
);
create unique index on app.brand_access (login, brand_id) where revoked_at is null;

grant select on app.quarantine to storykeep_ingest;
grant update (released_at, released_by, release_id) on app.quarantine to storykeep_ingest;
grant usage on sequence app.releases to storykeep_ingest;
grant select, insert on app.quarantine to storykeep_transform;
-- By which the landing checkpoint tells of new fields, too.
grant select (what, run_id) on app.schema_notices to storykeep_transform;

-- What the marts were made of at each publication that changed them: a report of that time can be made again from it.
create table app.publications (
    publication_id bigint generated always as identity primary key,
    published_at timestamptz not null,
    as_of timestamptz not null,
    known_at timestamptz not null,
    project text not null,
    variables jsonb not null,
    landed jsonb not null
);
create index on app.publications (published_at);
comment on column app.publications.as_of is 'the moment that the marts are about';
comment on column app.publications.known_at is 'when the build began to read: brands and campaigns are as they were then';
comment on column app.publications.project is 'sha256 of the dbt project and of what was kept';
comment on column app.publications.variables is 'the settings that make the rows of the marts what they are';
comment on column app.publications.landed is 'the last landing id that the build took in, by table of schema raw';

grant select on app.brand_access to storykeep_transform;
grant select, insert on app.publications to storykeep_transform;
