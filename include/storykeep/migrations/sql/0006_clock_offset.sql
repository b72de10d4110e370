-- How far the API's clock is from ours, by login flavour: stories end by the API's.
create table app.api_clocks (
    login_flavour text primary key check (login_flavour in ('facebook', 'instagram')),
    ahead_by interval not null,
    measured_at timestamptz not null
);
comment on column app.api_clocks.ahead_by is 'the API''s time less ours, negative when ours is ahead';

grant select, insert, update on app.api_clocks to storykeep_ingest;
