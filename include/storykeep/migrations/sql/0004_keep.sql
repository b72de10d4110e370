-- The policy matched_then_purge: what is left of a story that counts for no campaign is one in a count, and a hash.
create table app.purged_stories (
    account_id text not null references app.accounts,
    day date not null,
    stories integer not null check (stories > 0),
    purged_at timestamptz not null,
    primary key (account_id, day)
);
comment on column app.purged_stories.day is 'the UTC day on which they were posted';
comment on column app.purged_stories.purged_at is 'when the last of them was';

-- Nothing of a story lands again whose hash is here, however late it comes.
create table app.tombstones (
    story_hash text primary key,
    purged_at timestamptz not null
);
comment on column app.tombstones.story_hash is 'sha256 of the story id, in hexadecimal';

-- Deletes all that was captured of these stories and returns the paths of the media files that no other story has.
-- A listing is proof of what else was live: it stays, with the hash of the story in the place of its id, so that it
-- still tells how many were shown. Its content_hash stays that of what the API said.
create function raw.purge_stories(doomed text [], moment timestamptz) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from app.story_clock where story_id = any(doomed) and expires_at > moment) then
        raise exception 'a story that still runs is not purged';
    end if;

    insert into app.tombstones (story_hash, purged_at)
    select distinct encode(sha256(convert_to(story_id, 'UTF8')), 'hex'), moment from unnest(doomed) as story_id
    on conflict do nothing;

    insert into app.purged_stories (account_id, day, stories, purged_at)
    select account_id, (posted_at at time zone 'UTC')::date, count(*), moment
    from app.story_clock
    where story_id = any(doomed) and story_id in (select stories.story_id from raw.stories)
    group by account_id, (posted_at at time zone 'UTC')::date
    on conflict (account_id, day) do update
    set stories = purged_stories.stories + excluded.stories, purged_at = excluded.purged_at;

    update raw.story_listings as listings
    set payload = (
        select jsonb_object_agg(
            case when key = any(doomed) then encode(sha256(convert_to(key, 'UTF8')), 'hex') else key end, value
        )
        from jsonb_each(listings.payload)
    )
    from (
        select account_id, min(posted_at) as posted_at, max(expires_at) as expires_at
        from app.story_clock where story_id = any(doomed) group by account_id
    ) as lives
    where listings.account_id = lives.account_id and listings.payload ?| doomed
        -- With a margin for clocks that differ; it spares the other partitions.
        and listings.captured_at between lives.posted_at - interval '1 day' and lives.expires_at + interval '1 day';

    delete from raw.stories where story_id = any(doomed);
    delete from raw.story_insights where story_id = any(doomed);
    delete from raw.story_insights_kept where story_id = any(doomed);
    delete from app.refused_metrics where media_id = any(doomed);
    delete from app.story_clock where story_id = any(doomed);

    return query
    with gone as (
        delete from raw.media_files where story_id = any(doomed) returning media_files.path, media_files.content_hash
    )
    select distinct gone.path from gone
    where gone.path is not null and not exists (
        select from raw.media_files as others
        where others.content_hash = gone.content_hash and others.story_id <> all(doomed)
    );
end $$;
revoke execute on function raw.purge_stories from public;
grant execute on function raw.purge_stories to storykeep_ingest;

-- What could not be taken in counts for no campaign; nobody can tell whose story it holds. Returns how many went.
create function raw.purge_dead_letters(captured_before timestamptz) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (delete from raw.dead_letters where captured_at <= captured_before returning 1)
    select count(*) from gone
$$;
revoke execute on function raw.purge_dead_letters from public;
grant execute on function raw.purge_dead_letters to storykeep_ingest;

grant select on app.purged_stories, app.tombstones to storykeep_ingest;
grant select on app.purged_stories to storykeep_transform;
-- Which stories have long expired; what else the clocks know is no concern of the marts.
grant select (story_id, expires_at) on app.story_clock to storykeep_transform;
