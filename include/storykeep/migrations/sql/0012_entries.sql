-- Manual entries: what people captured, uploaded, typed from a screenshot, assigned or confirmed.

-- A file of entries as it was loaded.
create table app.entry_files (
    file_hash text primary key,
    name text not null,
    kind text not null,
    author text not null,
    loaded_at timestamptz not null,
    rows_landed integer not null,
    rows_unchanged integer not null,
    rows_rejected integer not null
);

-- Each row is one version of one entry; an edit and a withdrawal are new versions.
create table raw.manual_entries (
    landing_id bigint generated always as identity,
    entry_id text not null,
    version integer not null,
    kind text not null check (kind in ('story_capture', 'creator_upload', 'story_metrics', 'assign', 'confirm_match')),
    account_id text,
    story_id text,
    campaign_id text,
    captured_at timestamptz not null,
    run_id text not null,
    author text not null,
    file_hash text,
    row_number integer,
    evidence_hash text,
    evidence_path text,
    is_withdrawn boolean not null default false,
    payload jsonb not null,
    content_hash text not null,
    primary key (entry_id, version)
);
create index on raw.manual_entries (landing_id);
create index on raw.manual_entries (account_id);
create index on raw.manual_entries (story_id);
comment on column raw.manual_entries.entry_id is
    'sha256 of what the entry is about: the same thing entered again is a version of the same entry';
comment on column raw.manual_entries.story_id is 'the id of the story at Instagram, where the person told it';
comment on column raw.manual_entries.captured_at is 'when it was entered';
comment on column raw.manual_entries.evidence_hash is 'sha256 of the screenshot, which is also the name of the file';
comment on column raw.manual_entries.payload is
    'the row as it was understood: posted_at, permalink, media_type, caption, link, observed_at, metrics, decision, note';

-- Numbers count when another person than their author has approved them. A later decision replaces an earlier one.
create table app.entry_approvals (
    approval_id bigint generated always as identity primary key,
    entry_id text not null,
    version integer not null,
    decided_at timestamptz not null,
    decided_by text not null,
    decision text not null check (decision in ('approved', 'rejected')),
    note text
);
create index on app.entry_approvals (entry_id, version);

grant select, insert on app.entry_files, app.entry_approvals, raw.manual_entries to storykeep_ingest;
grant select on app.entry_files, app.entry_approvals, raw.manual_entries to storykeep_transform;
