-- Who granted what to whom, and under which text.

alter table app.brands add column contact text;
comment on column app.brands.contact is 'the e-mail address of who speaks with the creators';

-- Who signed in may be somebody else than the creator: an assistant, an agency.
alter table app.connections
add column granter_id text,
add column granter_name text,
add column page_name text,
add column page_tasks text [],
add column token_version bigint not null default 1,
add column previous_token_encrypted bytea;
comment on column app.connections.granter_id is 'the user id, within our app, of the person who signed in';
comment on column app.connections.page_tasks is 'what that person may do on the linked Page';
comment on column app.connections.token_version is
    'rises with each new token; encrypting the same one with another key leaves it';
comment on column app.connections.previous_token_encrypted is 'the token before this one, until this one has worked';

create or replace view app.connection_status as
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
    inspected_at,
    granter_id,
    granter_name,
    page_name,
    page_tasks
from app.connections;

-- The consent ledger, append-only. A consent holds from its moment until the next one of its account, or until an
-- event of that account says that it was withdrawn.
create table app.consents (
    consent_id bigint generated always as identity primary key,
    account_id text not null references app.accounts,
    given_at timestamptz not null,
    source text not null check (source in ('import', 'sign_in')),
    granter_id text,
    granter_name text,
    scopes text [],
    text_version text,
    usage_rights text
);
comment on column app.consents.text_version is 'which wording the person agreed to; null where nobody told';
comment on column app.consents.usage_rights is 'what the brand may do with the content, as agreed; null where nobody told';
create index on app.consents (account_id, given_at);

grant select, insert on app.consents to storykeep_ingest;
grant select on app.consents to storykeep_transform;
