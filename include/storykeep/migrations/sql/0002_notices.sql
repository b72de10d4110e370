-- What the API says and Storykeep does not know, or no longer says: each sign of schema drift once.
create table app.schema_notices (
    what text primary key,
    first_seen_at timestamptz not null,
    api_version text,
    account_id text not null references app.accounts,
    run_id text not null
);
comment on column app.schema_notices.what is 'such as "stories: media_type HOLOGRAM"';
comment on column app.schema_notices.account_id is 'the first account in whose reply it was seen';

grant select, insert on app.schema_notices to storykeep_ingest;

comment on column app.api_pools.usage_percent is 'as the last reply said; calls are throttled from 100 on';
comment on column app.refused_metrics.metric is
    'a metric, or one with its breakdown, such as "navigation by story_navigation_action_type"';
