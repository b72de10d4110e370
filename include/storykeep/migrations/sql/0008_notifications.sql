-- Whose alerts wait, and which channel took which alert. Both append-only.

-- The newest row of an account holds: its alerts are not told until then.
create table app.snoozes (
    snooze_id bigint generated always as identity primary key,
    account_id text not null references app.accounts,
    snoozed_at timestamptz not null,
    until_at timestamptz not null,
    author text not null check (author <> '')
);
comment on column app.snoozes.author is 'who said so';
create index on app.snoozes (account_id);

create table app.notifications (
    account_id text not null references app.accounts,
    subject text not null check (subject in ('status', 'token', 'data_access')),
    step text not null,
    concerns_at timestamptz not null,
    channel text not null,
    recipient text not null,
    sent_at timestamptz not null,
    primary key (account_id, subject, step, concerns_at, channel, recipient)
);
comment on column app.notifications.channel is 'the id of the Airflow connection that took it';
comment on column app.notifications.recipient is 'a brand, by its id; empty: the data team';

grant select, insert on app.snoozes, app.notifications to storykeep_ingest;
