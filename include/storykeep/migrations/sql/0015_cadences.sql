-- How often accounts were to be listed, from which moment on. Append-only: each tick writes down what has changed.
create table app.listing_cadences (
    since timestamptz primary key,
    seconds integer not null check (seconds > 0)
);
grant select, insert on app.listing_cadences to storykeep_ingest;
grant select on app.listing_cadences to storykeep_transform;
