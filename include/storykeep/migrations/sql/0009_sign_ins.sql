-- Each attempt to connect an account, from the link to its end. What an attempt proves itself with, the state that the
-- dialog hands back, rests as a hash, is good for one use and lives for minutes.

create table app.sign_ins (
    sign_in_id bigint generated always as identity primary key,
    state_hash text not null unique,
    login_flavour text not null check (login_flavour in ('facebook', 'instagram')),
    account_id text references app.accounts on delete cascade,
    username text,
    redirect_uri text not null,
    entry_point text,
    brand_id text references app.brands,
    text_version text,
    usage_rights text,
    begun_at timestamptz not null,
    expires_at timestamptz not null,
    taken_at timestamptz,
    ended_at timestamptz,
    status text not null default 'connecting',
    reason text,
    detail text,
    check (begun_at < expires_at),
    check ((status = 'connecting') = (ended_at is null))
);
comment on column app.sign_ins.state_hash is 'sha256 of 256 random bits';
comment on column app.sign_ins.username is 'the handle that was invited; null where anybody may come';
comment on column app.sign_ins.account_id is 'the account of that handle, where it is known';
comment on column app.sign_ins.entry_point is 'where the link was shown, such as a brief or an e-mail';
comment on column app.sign_ins.status is 'connecting, connected, or the state that the failure stands for';
create index on app.sign_ins (account_id, begun_at);
create index on app.sign_ins (expires_at) where ended_at is null;

create view app.sign_in_attempts as
select
    sign_in_id,
    login_flavour,
    account_id,
    username,
    entry_point,
    brand_id,
    begun_at,
    expires_at,
    taken_at,
    ended_at,
    status,
    reason,
    detail
from app.sign_ins;
comment on view app.sign_in_attempts is 'what BI and dbt may know of a sign-in: nothing that it proves itself with';

grant select, insert, update on app.sign_ins to storykeep_ingest;
grant select on app.sign_in_attempts to storykeep_transform;
