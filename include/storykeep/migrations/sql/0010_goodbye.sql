-- Saying goodbye: deletion requests, and what is left of an account that was purged, which is hashes and counts.

create function app.hash_of(value text) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
    select encode(sha256(convert_to(value, 'UTF8')), 'hex')
$$;
comment on function app.hash_of is 'sha256 in hexadecimal: what is kept of an id that is forgotten';

-- Append-only but for its end: done_at and the certificate.
create table app.deletion_requests (
    code text primary key check (code ~ '^[0-9a-f]{32}$'),
    source text not null check (source in ('command', 'callback', 'restore')),
    subject_hash text not null,
    account_hashes text [] not null,
    requested_at timestamptz not null,
    done_at timestamptz,
    certificate jsonb not null default '{}'
);
create index on app.deletion_requests (subject_hash, requested_at);
comment on column app.deletion_requests.code is 'random; who has it may ask how far the deletion is';
comment on column app.deletion_requests.subject_hash is
    'sha256 of whom it is about: of an IG user id, of the user id of who signed in, or of a Page id';
comment on column app.deletion_requests.account_hashes is 'sha256 of the IG user id of each account that it is about';
comment on column app.deletion_requests.certificate is 'how many rows of each table, files and so on were deleted';

-- Nothing of an account lands again whose hash is here; after a readmission, nothing from before it.
create table app.account_tombstones (
    ig_user_hash text primary key,
    account_hash text not null unique,
    handle_hashes text [] not null,
    purged_at timestamptz not null,
    readmitted_at timestamptz
);
comment on column app.account_tombstones.ig_user_hash is 'sha256 of the IG user id';
comment on column app.account_tombstones.account_hash is 'sha256 of the account id';
comment on column app.account_tombstones.handle_hashes is
    'sha256 of its handles: a run under way at the purge must not write them down at its end';
comment on column app.account_tombstones.readmitted_at is 'when its creator consented anew, if so';

grant select, insert on app.deletion_requests to storykeep_ingest;
grant update (done_at, certificate) on app.deletion_requests to storykeep_ingest;
grant select on app.account_tombstones to storykeep_ingest;
grant update (readmitted_at) on app.account_tombstones to storykeep_ingest;

-- To find the rows of one account, and of one file, without reading them all.
create index on raw.stories (account_id);
create index on raw.media_files (account_id);
create index on raw.media_files (content_hash);

-- From here on nothing of the account is taken in.
create function app.bury_account(doomed text, moment timestamptz) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    insert into app.account_tombstones (ig_user_hash, account_hash, handle_hashes, purged_at)
    select
        app.hash_of(accounts.ig_user_id),
        app.hash_of(accounts.account_id),
        (
            select array_agg(app.hash_of(handle) order by handle)
            from (
                select accounts.username as handle
                union
                select stories.payload ->> 'username' from raw.stories as stories where stories.account_id = doomed
            ) as handles
            where handle is not null
        ),
        moment
    from app.accounts as accounts
    where accounts.account_id = doomed
    on conflict (ig_user_hash) do update
    set handle_hashes = excluded.handle_hashes, purged_at = excluded.purged_at, readmitted_at = null
    -- Buried already by a purge that was killed: the moment stays the first one.
    where account_tombstones.readmitted_at is not null
$$;

create function app.is_buried(doomed text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (
        select from app.account_tombstones where account_hash = app.hash_of(doomed) and readmitted_at is null
    )
$$;

create function app.require_buried(doomed text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not app.is_buried(doomed) then
        raise exception 'account % is not purged: it was not buried before', doomed;
    end if;
end $$;

-- Deletes some of its media files' rows; one row for each, with the path of the file unless others have the same bytes.
create function raw.purge_account_media(doomed text, at_most integer) returns table (path text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.require_buried(doomed);
    return query
    with gone as (
        delete from raw.media_files as files
        using (
            select story_id, kind, captured_at from raw.media_files where account_id = doomed limit at_most
        ) as doomed_files
        where files.story_id = doomed_files.story_id and files.kind = doomed_files.kind
            and files.captured_at = doomed_files.captured_at
        returning files.story_id, files.kind, files.captured_at, files.path, files.content_hash
    )
    select
        case when not exists (
            select from raw.media_files as others
            where others.content_hash = gone.content_hash
                and not exists (
                    select from gone as same
                    where same.story_id = others.story_id and same.kind = others.kind
                        and same.captured_at = others.captured_at
                )
        ) then gone.path end
    from gone;
end $$;

-- Deletes the rows of an account from every table of one schema that names its account, whatever tables there are.
create function app.purge_rows(doomed text, of_schema text) returns table (purged text, deleted bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.require_buried(doomed);
    if of_schema not in ('app', 'raw') then
        raise exception 'nothing is purged from schema %', of_schema;
    end if;
    for purged in
        select format('%I.%I', of_schema, relname)
        from pg_class
        join pg_attribute on attrelid = pg_class.oid and attname = 'account_id' and not attisdropped
        where relnamespace = of_schema::regnamespace and relkind in ('r', 'p') and not relispartition
            and pg_class.oid <> 'app.accounts'::regclass
        order by relname
    loop
        execute format('delete from %s where account_id = $1', purged) using doomed;
        get diagnostics deleted = row_count;
        return next;
    end loop;
end $$;

create function raw.purge_account(doomed text) returns table (purged text, deleted bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.require_buried(doomed);
    if exists (select from raw.media_files where account_id = doomed) then
        raise exception 'the media files of account % are to be purged first', doomed;
    end if;
    delete from app.refused_metrics
    where media_id in (
        select story_id from app.story_clock where account_id = doomed
        union
        select story_id from raw.stories where account_id = doomed
    );
    get diagnostics deleted = row_count;
    purged := 'app.refused_metrics';
    return next;
    return query select * from app.purge_rows(doomed, 'raw');
end $$;

-- The causes of a run with other handles than these.
create function app.without_handles(causes jsonb, hashes text []) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_object_agg(cause, (
        select coalesce(jsonb_agg(
            case when app.hash_of(handle) = any(hashes) then '(purged)' else handle end order by place
        ), '[]')
        from jsonb_array_elements_text(who) with ordinality as handles (handle, place)
    )), '{}')
    from jsonb_each(causes) as told (cause, who)
$$;

-- The last step: what is left of the account in schema app. Its runs keep their counts, and not its handle.
create function app.purge_account(doomed text) returns table (purged text, deleted bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    account app.accounts;
    hashes text [];
begin
    perform app.require_buried(doomed);
    select * into account from app.accounts where account_id = doomed;
    select handle_hashes into hashes from app.account_tombstones where account_hash = app.hash_of(doomed);
    return query select * from app.purge_rows(doomed, 'app');

    -- What others are writing of it at this moment is waited for, and nobody writes of it between two steps.
    lock table app.api_pools, app.runs in share row exclusive mode;
    delete from app.api_pools where pool = account.ig_user_id;
    get diagnostics deleted = row_count;
    purged := 'app.api_pools';
    return next;

    delete from app.runs where starts_with(run_id, 'refresh-' || doomed || '/');
    get diagnostics deleted = row_count;
    purged := 'app.runs';
    return next;

    update app.runs set causes = app.without_handles(causes, hashes)
    where causes <> '{}' and causes <> app.without_handles(causes, hashes);
    get diagnostics deleted = row_count;
    purged := 'app.runs (its handle)';
    return next;

    -- Who was invited by this handle, and who came with this account instead of the invited one.
    delete from app.sign_ins where app.hash_of(username) = any(hashes);
    get diagnostics deleted = row_count;
    purged := 'app.sign_ins';
    return next;
    update app.sign_ins set detail = null where strpos(detail, '@' || account.username) > 0;

    delete from app.accounts where account_id = doomed;
    get diagnostics deleted = row_count;
    purged := 'app.accounts';
    return next;

    delete from app.creators
    where creator_id = account.creator_id and not exists (
        select from app.accounts where accounts.creator_id = account.creator_id
    );
    get diagnostics deleted = row_count;
    purged := 'app.creators';
    return next;
end $$;

-- Who signed in for accounts that stay is forgotten there; the consents stay. Returns how many rows named them.
create function app.forget_granter(forgotten text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    connected bigint;
    consented bigint;
begin
    update app.connections set granter_id = null, granter_name = null where app.hash_of(granter_id) = forgotten;
    get diagnostics connected = row_count;
    update app.consents set granter_id = null, granter_name = null where app.hash_of(granter_id) = forgotten;
    get diagnostics consented = row_count;
    return connected + consented;
end $$;

revoke execute on function
    app.bury_account, app.purge_rows, app.purge_account, app.forget_granter, raw.purge_account,
    raw.purge_account_media
from public;
grant execute on function
    app.bury_account, app.purge_account, app.forget_granter, raw.purge_account, raw.purge_account_media
to storykeep_ingest;

-- What was under way when an account was purged knows it still. What it writes of it is left out, row by row, so that
-- the others' rows of the same statement stay.
create function app.skip_purged() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if app.is_buried(new.account_id) then
        return null;
    end if;
    return new;
end $$;
create trigger skip_purged before insert on app.account_clock for each row execute function app.skip_purged();
create trigger skip_purged before insert on app.story_clock for each row execute function app.skip_purged();
create trigger skip_purged before insert on app.schema_notices for each row execute function app.skip_purged();
create trigger skip_purged before insert on app.alerts for each row execute function app.skip_purged();
create trigger skip_purged before insert on app.notifications for each row execute function app.skip_purged();

-- A pool of its own is named by its IG user id.
create function app.skip_purged_pool() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from app.account_tombstones where ig_user_hash = app.hash_of(new.pool) and readmitted_at is null
    ) then
        return null;
    end if;
    return new;
end $$;
create trigger skip_purged before insert on app.api_pools for each row execute function app.skip_purged_pool();

-- A run names at its end whom it could not serve.
create function app.unname_purged() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    hashes text [];
begin
    if new.causes <> '{}' then
        select array_agg(handle_hash) into hashes
        from app.account_tombstones cross join lateral unnest(handle_hashes) as handle_hash
        where purged_at >= new.started_at;
        if hashes is not null then
            new.causes := app.without_handles(new.causes, hashes);
        end if;
    end if;
    return new;
end $$;
create trigger unname_purged before insert or update on app.runs for each row execute function app.unname_purged();

-- No way leads back but a readmission: not an import, not a sign-in, not a restore of some rows.
create function app.refuse_purged() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from app.account_tombstones where ig_user_hash = app.hash_of(new.ig_user_id) and readmitted_at is null
    ) then
        raise exception 'the account was purged, and its creator has not consented anew';
    end if;
    return new;
end $$;
create trigger refuse_purged before insert on app.accounts for each row execute function app.refuse_purged();
