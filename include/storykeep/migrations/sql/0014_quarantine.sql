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

-- Which brand a login may see. A login that has no row here sees no brand, and storykeep_bi sees all.
create table app.brand_access (
    login text not null,
    brand_id text not null references app.brands,
    granted_at timestamptz not null,
    granted_by text not null,
    primary key (login, brand_id)
);

grant select, insert on app.quarantine, app.brand_access to storykeep_ingest;
grant update (released_at) on app.quarantine to storykeep_ingest;
grant delete on app.brand_access to storykeep_ingest;
grant select, insert on app.quarantine to storykeep_transform;
grant select on app.brand_access to storykeep_transform;
