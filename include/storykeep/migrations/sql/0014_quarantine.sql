-- Raw rows that are not as agreed with the API: they stay where they are, and the marts are built without them.
create table app.quarantine (
    table_name text not null,
    landing_id bigint not null,
    account_id text,
    reason text not null,
    quarantined_at timestamptz not null,
    released_at timestamptz,
    primary key (table_name, landing_id)
);
comment on column app.quarantine.table_name is 'the table of schema raw';
comment on column app.quarantine.released_at is 'when a person let the row in after all';

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

grant select, insert on app.quarantine to storykeep_ingest, storykeep_transform;
grant update (released_at) on app.quarantine to storykeep_ingest;
grant select on app.brand_access to storykeep_transform;
grant select, insert on app.publications to storykeep_transform;
