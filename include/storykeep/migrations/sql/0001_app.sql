-- What Storykeep knows and decides: who is connected, which campaigns count, what was done when.

create table app.brands (
    brand_id text primary key,
    name text not null,
    time_zone text not null,
    currency text not null check (currency ~ '^[A-Z]{3}$')
);

create table app.creators (
    creator_id text primary key,
    name text not null
);

-- An account is known by its Instagram user id; the handle may change.
create table app.accounts (
    account_id text primary key,
    creator_id text not null references app.creators,
    ig_user_id text not null unique check (ig_user_id ~ '^[0-9]+$'),
    username text not null,
    added_at timestamptz not null
);

-- A creator's authorisation of one account. It serves every brand. An account without a row here is not tracked.
create table app.connections (
    account_id text primary key references app.accounts,
    login_flavour text not null check (login_flavour in ('facebook', 'instagram')),
    token_encrypted bytea,
    token_hash text,
    page_id text,
    page_token_encrypted bytea,
    scopes text [],
    status text not null,
    reason text,
    status_since timestamptz not null,
    connected_at timestamptz not null,
    token_issued_at timestamptz,
    token_expires_at timestamptz,
    data_access_expires_at timestamptz,
    inspected_at timestamptz
);
comment on column app.connections.token_encrypted is 'Fernet; the keys are outside the database';
comment on column app.connections.token_hash is 'sha256 of the imported token, so that importing it again changes nothing';

create table app.connection_events (
    event_id bigint generated always as identity primary key,
    account_id text not null references app.accounts,
    happened_at timestamptz not null,
    kind text not null,
    status text not null,
    reason text
);

-- What BI and dbt may know of a connection: no token, nothing derived from one.
create view app.connection_status as
select
    account_id,
    login_flavour,
    page_id,
    scopes,
    status,
    reason,
    status_since,
    connected_at,
    token_expires_at,
    data_access_expires_at,
    inspected_at
from app.connections;

create table app.campaigns (
    campaign_id text primary key,
    brand_id text not null references app.brands,
    name text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    cost numeric(14, 2),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    check (starts_at < ends_at)
);

create table app.campaign_participants (
    campaign_id text not null references app.campaigns,
    account_id text not null references app.accounts,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    primary key (campaign_id, account_id, valid_from),
    check (valid_from < valid_to)
);

create table app.match_rules (
    campaign_id text not null references app.campaigns,
    kind text not null check (kind in ('hashtag', 'mention')),
    value text not null check (value ~ '^[^#@\s]+$'),
    primary key (campaign_id, kind, value)
);

-- Watermarks. They move in the transaction of the rows that they describe.
create table app.account_clock (
    account_id text primary key references app.accounts,
    listed_at timestamptz,
    attempted_at timestamptz not null
);

create table app.story_clock (
    story_id text primary key,
    account_id text not null references app.accounts,
    posted_at timestamptz not null,
    expires_at timestamptz not null,
    first_seen_at timestamptz not null,
    tried_at timestamptz,
    read_at timestamptz,
    is_refused boolean not null default false
);
create index story_clock_expires_at on app.story_clock (expires_at);
comment on column app.story_clock.tried_at is 'when the API last answered a reading, whatever it answered';
comment on column app.story_clock.read_at is 'when it last answered with numbers, or that it withholds them';
comment on column app.story_clock.is_refused is 'the API will never give insights of this story';

-- Rate-limit pools, shared by all shards: nothing is sent to a pool before blocked_until.
create table app.api_pools (
    pool text primary key,
    usage_percent integer,
    blocked_until timestamptz,
    updated_at timestamptz not null
);

-- Metrics that the API refused for one media, so that they are not asked for at every reading.
create table app.refused_metrics (
    media_id text not null,
    metric text not null,
    error_code integer,
    error_subcode integer,
    refused_at timestamptz not null,
    primary key (media_id, metric)
);

-- The run ledger.
create table app.runs (
    run_id text primary key,
    kind text not null,
    clock_at timestamptz not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    status text not null check (status in ('running', 'ok', 'trouble', 'failed')),
    counts jsonb not null default '{}',
    causes jsonb not null default '{}'
);
create index runs_kind_clock_at on app.runs (kind, clock_at);

-- Each step of the alert ladder is told once: its row is its proof.
create table app.alerts (
    account_id text not null references app.accounts,
    subject text not null check (subject in ('status', 'token', 'data_access')),
    step text not null,
    concerns_at timestamptz not null,
    told_at timestamptz not null,
    message text not null,
    primary key (account_id, subject, step, concerns_at)
);
comment on column app.alerts.concerns_at is 'the expiry or the change of status that the step is about';

grant usage on schema app to storykeep_ingest, storykeep_transform;
grant select on all tables in schema app to storykeep_ingest;
grant insert on all tables in schema app to storykeep_ingest;
grant update on
    app.brands, app.creators, app.accounts, app.connections, app.campaigns, app.account_clock, app.story_clock,
    app.api_pools, app.refused_metrics, app.runs
to storykeep_ingest;
-- A campaign's roster and rules are replaced as a whole by each import.
grant delete on app.campaign_participants, app.match_rules to storykeep_ingest;
revoke insert on app.connection_status from storykeep_ingest;

grant select on
    app.brands, app.creators, app.accounts, app.connection_status, app.connection_events, app.campaigns,
    app.campaign_participants, app.match_rules, app.runs
to storykeep_transform;
