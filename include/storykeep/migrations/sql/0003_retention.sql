-- Retention drops whole day partitions. What the marts need of them stays here, and staging reads both.

-- The replies that a story's final numbers come from. A column of raw.story_insights has to be one here too.
create table raw.story_insights_kept (
    like raw.story_insights including constraints,
    primary key (story_id, metric_group, captured_at, status)
);
create index on raw.story_insights_kept (landing_id);
create index on raw.story_insights_kept (captured_at);

-- When an account was listed on a dropped day, well or not: 96 listings of a day are one row.
create table raw.listing_days (
    account_id text not null,
    day date not null,
    status text not null check (status in ('ok', 'failed')),
    cause text,
    captured_at timestamptz [] not null,
    unique nulls not distinct (account_id, day, status, cause)
);
create index on raw.listing_days (day);

grant select on raw.story_insights_kept, raw.listing_days to storykeep_ingest, storykeep_transform;

-- Which revision this is stands among the tables that ingest may insert into, and is no concern of its.
revoke insert on app.alembic_version from storykeep_ingest;

-- The moments of one day whose replies stay. Of a story's readings that say the same but for their counts, the last
-- two are enough: what is last known of every metric is in one of them, and so is the growth between the last two.
create function raw.readings_to_keep(since timestamptz, until timestamptz)
returns table (story_id text, captured_at timestamptz)
language sql stable set search_path = pg_catalog, pg_temp as $$
    with replies as (
        select story_id, captured_at, metric_group, status, payload -> 'data' as data
        from (
            select story_id, captured_at, metric_group, status, payload from raw.story_insights
            union all
            select story_id, captured_at, metric_group, status, payload from raw.story_insights_kept
        ) as landed
        -- A later reading on the next day makes an earlier one superfluous.
        where captured_at >= since and captured_at < until + interval '1 day'
    ),

    -- Parts of the navigation that are left out are 0 if the others make up the total: that is told by the counts.
    navigation as (
        select
            replies.story_id,
            replies.captured_at,
            coalesce(item #>> '{values,0,value}', item #>> '{total_value,value}') as total,
            (
                select sum(value::numeric)
                from jsonb_path_query(item, 'lax $.total_value.breakdowns[0].results[*].value') as parts (part)
                cross join lateral (select part #>> '{}' as value) as texts
                where value ~ '^[0-9]{1,15}$'
            ) as parts
        from replies
        cross join lateral jsonb_array_elements(
            case when jsonb_typeof(replies.data) = 'array' then replies.data else '[]' end
        ) as items (item)
        where replies.status = 'ok' and item ->> 'name' = 'navigation'
    ),

    whole as (
        select
            totals.story_id,
            totals.captured_at,
            -- Where replies of one moment contradict each other, it is for the marts to choose.
            case
                when bool_and(totals.total = added.parts::text) then 'whole'
                when bool_or(totals.total = added.parts::text) or max(added.replies) > 1 then totals.captured_at::text
            end as told
        from navigation as totals
        join (
            select story_id, captured_at, coalesce(sum(parts), 0) as parts, count(parts) as replies
            from navigation
            group by story_id, captured_at
        ) as added using (story_id, captured_at)
        group by totals.story_id, totals.captured_at
    ),

    readings as (
        select
            story_id,
            captured_at,
            string_agg(
                metric_group || ' ' || status || ' ' || case status
                    when 'ok' then coalesce(regexp_replace(data::text, '("value": )[0-9]{1,15}(?=[,}])', '\1', 'g'), '')
                    else ''
                end,
                ' ' order by metric_group, status
            ) as told
        from replies
        group by story_id, captured_at
    ),

    ranked as (
        select
            readings.story_id,
            readings.captured_at,
            row_number() over (
                partition by readings.story_id, readings.told, whole.told order by readings.captured_at desc
            ) as place
        from readings
        left join whole using (story_id, captured_at)
    )

    select story_id, captured_at from ranked
    where place <= 2 and captured_at < until
$$;

create function raw.keep_story_insights(since timestamptz, until timestamptz) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    kept bigint;
begin
    insert into raw.story_insights_kept
    select replies.*
    from raw.story_insights as replies
    join raw.readings_to_keep(since, until) using (story_id, captured_at)
    where replies.captured_at >= since and replies.captured_at < until
    on conflict do nothing;
    get diagnostics kept = row_count;
    return kept;
end $$;

create function raw.keep_story_listings(since timestamptz, until timestamptz) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    kept bigint;
begin
    insert into raw.listing_days (account_id, day, status, cause, captured_at)
    select account_id, (since at time zone 'UTC')::date, status, cause, array_agg(captured_at order by captured_at)
    from raw.story_listings
    where captured_at >= since and captured_at < until
    group by account_id, status, cause
    -- A day that is dropped once more brings only what landed late.
    on conflict (account_id, day, status, cause) do update set captured_at = (
        select array_agg(moment order by moment)
        from (
            select unnest(listing_days.captured_at) as moment
            union
            select unnest(excluded.captured_at)
        ) as moments
    );
    get diagnostics kept = row_count;
    return kept;
end $$;

-- Drops one day of one table in the caller's transaction, and keeps what is to be kept. The newest three days stay.
create function raw.retire_partition(parent text, day date, out dropped bigint, out kept bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '900ms' as $$
declare
    part text := parent || '_' || to_char(day, 'YYYYMMDD');
    since timestamptz := day::timestamp at time zone 'UTC';
    until timestamptz := (day + 1)::timestamp at time zone 'UTC';
    newest date;
    seen bigint;
begin
    if parent not in ('story_listings', 'story_insights') then
        raise exception 'raw.% is not partitioned by day', parent;
    end if;
    select max(to_date(right(relname, 8), 'YYYYMMDD')) into newest
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = ('raw.' || parent)::regclass;
    if day > newest - 3 then
        raise exception 'raw.% of % is not dropped: the newest three days stay', parent, day;
    end if;
    execute format('select count(*) from raw.%I', part) into dropped;
    execute format('select raw.keep_%s($1, $2)', parent) into kept using since, until;
    -- Short waits, some times: whoever comes to the table meanwhile, a sweep too, queues up behind this one.
    for attempt in 1..5 loop
        begin
            execute format('lock table raw.%I in access exclusive mode', parent);
            exit;
        exception when lock_not_available then
            if attempt = 5 then
                raise;
            end if;
        end;
    end loop;
    -- What landed until the lock was there.
    execute format('select count(*) from raw.%I', part) into seen;
    if seen <> dropped then
        dropped := seen;
        execute format('select $3 + raw.keep_%s($1, $2)', parent) into kept using since, until, kept;
    end if;
    execute format('drop table raw.%I', part);
end $$;

-- A late row of a dropped day lands in a new partition, unless it is a row that was kept.
create function raw.skip_kept_insight() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from raw.story_insights_kept as kept
        where
            kept.story_id = new.story_id and kept.metric_group = new.metric_group
            and kept.captured_at = new.captured_at and kept.status = new.status
    ) then
        return null;
    end if;
    return new;
end $$;

create function raw.skip_kept_listing() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from raw.listing_days as kept
        where
            kept.account_id = new.account_id and kept.day = (new.captured_at at time zone 'UTC')::date
            and kept.status = new.status and new.captured_at = any(kept.captured_at)
    ) then
        return null;
    end if;
    return new;
end $$;

create or replace function raw.ensure_partition(parent text, day date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    part text := parent || '_' || to_char(day, 'YYYYMMDD');
    since timestamptz := day::timestamp at time zone 'UTC';
    until timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
    if parent not in ('story_listings', 'story_insights') then
        raise exception 'raw.% is not partitioned by day', parent;
    end if;
    -- From here to the end of the transaction, a partition that is there is not dropped.
    execute format('lock table raw.%I in row exclusive mode', parent);
    if to_regclass('raw.' || part) is null then
        -- Attached, not made in place: that would wait for every open reader of the parent, and capture with it.
        execute format('create table raw.%I (like raw.%I including defaults including constraints)', part, parent);
        if parent = 'story_insights'
            and exists (select from raw.story_insights_kept where captured_at >= since and captured_at < until)
        then
            execute format(
                'create trigger skip_kept before insert on raw.%I'
                ' for each row execute function raw.skip_kept_insight()', part
            );
        elsif parent = 'story_listings' and exists (select from raw.listing_days as kept where kept.day = $2) then
            execute format(
                'create trigger skip_kept before insert on raw.%I'
                ' for each row execute function raw.skip_kept_listing()', part
            );
        end if;
        execute format(
            'alter table raw.%I attach partition raw.%I for values from (%L) to (%L)', parent, part, since, until
        );
    end if;
end $$;

revoke execute on function
    raw.readings_to_keep, raw.keep_story_insights, raw.keep_story_listings, raw.retire_partition, raw.ensure_partition
from public;
grant execute on function raw.retire_partition, raw.ensure_partition to storykeep_ingest;
