-- Feed posts and reels, profiles, account insights and audiences: read at their own cadence.

-- When which part of an account's content was last asked for, and last answered.
create table app.content_clock (
    account_id text not null references app.accounts,
    subject text not null check (subject in ('posts', 'profile', 'account_insights', 'audience')),
    tried_at timestamptz not null,
    done_at timestamptz,
    primary key (account_id, subject)
);
comment on column app.content_clock.done_at is
'when it was last answered in full; of account_insights the end of the last day up to which all were read';

-- When the numbers of a post were last read, that is, when the API last answered, whatever it answered.
create table app.media_clock (
    media_id text primary key,
    account_id text not null references app.accounts,
    posted_at timestamptz not null,
    read_at timestamptz,
    is_refused boolean not null default false
);
comment on column app.media_clock.is_refused is 'the API will never give insights of this post';
create index on app.media_clock (account_id);

-- A feed post or reel; lands again only when its content changes. Its counts of likes and comments are no content.
create table raw.media (
    landing_id bigint generated always as identity,
    media_id text not null,
    account_id text not null,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    payload jsonb not null,
    content_hash text not null,
    primary key (media_id, content_hash)
);
create index on raw.media (landing_id);
create index on raw.media (account_id);

-- One reply to one metric group of one post.
create table raw.media_insights (
    landing_id bigint generated always as identity,
    media_id text not null,
    account_id text not null,
    metric_group text not null,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    status text not null check (status in ('ok', 'empty', 'withheld', 'refused')),
    error_code integer,
    error_subcode integer,
    payload jsonb not null,
    content_hash text not null,
    primary key (media_id, metric_group, captured_at, status)
);
create index on raw.media_insights (landing_id);
create index on raw.media_insights (account_id);

create table raw.account_profiles (
    landing_id bigint generated always as identity,
    account_id text not null,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    payload jsonb not null,
    content_hash text not null,
    primary key (account_id, captured_at)
);
create index on raw.account_profiles (landing_id);

-- One reply to one group of account metrics of one day, which at Meta ends at midnight in US Pacific time.
create table raw.account_insights (
    landing_id bigint generated always as identity,
    account_id text not null,
    metric_group text not null,
    since timestamptz not null,
    until timestamptz not null,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    status text not null check (status in ('ok', 'empty', 'withheld', 'refused')),
    error_code integer,
    error_subcode integer,
    payload jsonb not null,
    content_hash text not null,
    primary key (account_id, metric_group, since, captured_at, status)
);
create index on raw.account_insights (landing_id);

-- One reply to one demographic metric of an account by one dimension.
create table raw.audience (
    landing_id bigint generated always as identity,
    account_id text not null,
    metric text not null,
    dimension text not null,
    timeframe text,
    captured_at timestamptz not null,
    run_id text not null,
    api_version text,
    status text not null check (status in ('ok', 'empty', 'withheld', 'refused')),
    error_code integer,
    error_subcode integer,
    payload jsonb not null,
    content_hash text not null,
    primary key (account_id, metric, dimension, captured_at, status)
);
create index on raw.audience (landing_id);
comment on column raw.audience.dimension is 'age, gender, country or city';

grant select, insert on
    app.content_clock, app.media_clock, raw.media, raw.media_insights, raw.account_profiles, raw.account_insights,
    raw.audience
to storykeep_ingest;
grant update on app.content_clock, app.media_clock to storykeep_ingest;
grant select on
    raw.media, raw.media_insights, raw.account_profiles, raw.account_insights, raw.audience
to storykeep_transform;
create trigger skip_purged before insert on app.content_clock for each row execute function app.skip_purged();
create trigger skip_purged before insert on app.media_clock for each row execute function app.skip_purged();

-- What is refused of an account's posts goes with the account, too.
create or replace function raw.purge_account(doomed text) returns table (purged text, deleted bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.require_buried(doomed);
    if exists (select from raw.media_files where account_id = doomed) then
        raise exception 'the media files of account % are to be purged first', doomed;
    end if;
    if exists (select from raw.entries_of(doomed)) then
        raise exception 'the entries of account % are to be purged first', doomed;
    end if;
    delete from app.refused_metrics
    where media_id in (
        select story_id from app.story_clock where account_id = doomed
        union
        select story_id from raw.stories where account_id = doomed
        union
        select media_id from app.media_clock where account_id = doomed
    );
    get diagnostics deleted = row_count;
    purged := 'app.refused_metrics';
    return next;
    return query select * from app.purge_rows(doomed, 'raw');
end $$;
