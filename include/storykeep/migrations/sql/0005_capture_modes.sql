-- How an account is to be captured, by its creator's wish. A row holds from `since` until the next one; an account
-- without a row is captured automatically. Append-only.
create table app.capture_modes (
    account_id text not null references app.accounts,
    since timestamptz not null,
    mode text not null check (mode in ('automatic', 'manual', 'paused')),
    author text not null check (author <> ''),
    primary key (account_id, since)
);
comment on column app.capture_modes.mode is
    'automatic; manual: the creator hands in by hand; paused: nothing is captured for now';
comment on column app.capture_modes.author is 'who said so';

grant select, insert on app.capture_modes to storykeep_ingest;
grant select on app.capture_modes to storykeep_transform;
