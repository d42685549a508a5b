-- Raw GitHub tables in bulk, made inside Postgres. The caller has filled three temporary tables:
--   bulk_scale      one row: repositories, authors, heavy_authors, until
--   bulk_selection  the pull requests to write: i (their index from 1), revision, load_id
--   bulk_numbers    number and repository of the selected ones that exist already
-- Everything else follows from i and revision through roll(), so the same call makes the same rows on any machine. Author,
-- repository and creation depend on i alone; the rest on the revision too, as a pull request that is worked on changes.

create or replace function pg_temp.roll(key bigint, salt integer) returns double precision
language sql immutable parallel safe
return (hashint8extended(key, salt) & 2147483647) / double precision '2147483648';

create or replace function pg_temp.pick(choices text[], share double precision) returns text
language sql immutable parallel safe
return choices[1 + floor(share * cardinality(choices))::integer];

create temporary table bulk_pull_requests as
with
-- half of the work is done by one author in a hundred
authored as (
    select
        selection.*,
        selection.i + selection.revision * 1099511627776 as k,
        scale.*,
        case
            when pg_temp.roll(selection.i, 1) < 0.5
                then floor(pg_temp.roll(selection.i, 2) * scale.heavy_authors)
            else scale.heavy_authors + floor(pg_temp.roll(selection.i, 2) * (scale.authors - scale.heavy_authors))
        end::bigint as author_index
    from bulk_selection as selection
    cross join bulk_scale as scale
),

-- an author works in a handful of repositories, and few repositories see most of the work
placed as (
    select
        authored.*,
        floor(
            repositories
            * power(pg_temp.roll(author_index * 8 + floor(pg_temp.roll(i, 4) * 4)::bigint, 5), 2)
        )::bigint as repository_index,
        until - make_interval(days => floor(1826 * pg_temp.roll(i, 6))::integer) as day
    from authored
),

-- working days and office hours in five time zones
opened as (
    select
        placed.*,
        case
            when extract(isodow from day at time zone 'UTC') > 5 and pg_temp.roll(i, 7) < 0.8 then day - interval '2 days'
            else day
        end
        - interval '1 day'
        + make_interval(secs => 3600 * (8 + 9 * pg_temp.roll(i, 8) + (author_index % 5 - 2) * 2)) as created_at,
        make_interval(secs => 3600 * exp(6.5 * pg_temp.roll(k, 9))) as lifetime,
        pg_temp.roll(k, 10) as outcome,
        pg_temp.roll(i, 11) < 0.15 as was_opened_as_draft
    from placed
),

ended as (
    select
        opened.*,
        case when created_at + lifetime < until and outcome < 0.98 then created_at + lifetime end as closed_at,
        least(created_at + lifetime, until + interval '1 day') as active_until
    from opened
),

counted as (
    select
        ended.*,
        case when outcome < 0.84 then closed_at end as merged_at,
        was_opened_as_draft and closed_at is null and pg_temp.roll(k, 12) < 0.5 as is_draft,
        least(60, 1 + floor(-ln(1 - pg_temp.roll(k, 13)) * 4.5))::bigint as files_count,
        least(40, 1 + floor(-ln(1 - pg_temp.roll(k, 14)) * 2.5))::bigint as commits_count,
        least(12, floor(-ln(1 - pg_temp.roll(k, 15)) * 2.5))::bigint as reviews_count,
        least(30, floor(-ln(1 - pg_temp.roll(k, 16)) * 3.5))::bigint as comments_count,
        greatest(0, floor(5 * pg_temp.roll(k, 17)) - 2)::bigint as labels_count,
        pg_temp.roll(k, 18) < 0.2 as is_assigned,
        pg_temp.roll(k, 19) < 0.15 as closes_an_issue,
        pg_temp.roll(k, 20) < 0.6 as was_review_requested,
        pg_temp.roll(k, 21) < 0.01 as was_reopened,
        pg_temp.roll(k, 22) < 0.03 as was_retitled,
        pg_temp.roll(k, 23) < 0.1 as was_force_pushed
    from ended
)

select
    counted.*,
    9000000000 + counted.i as id,
    400000 + counted.repository_index as repository_id,
    case when pg_temp.roll(counted.i, 3) >= 0.005 then 5000000 + counted.author_index end as author_id,
    case
        when counted.reviews_count = 0 or pg_temp.roll(counted.k, 24) < 0.6 then 0
        else 1 + floor(pg_temp.roll(counted.k, 25) * 2)
    end::bigint as threads_count,
    coalesce(
        numbers.number,
        (
            row_number() over (
                partition by counted.repository_index, numbers.number is null
                order by counted.created_at, counted.i
            )
        )
        + coalesce(highest.number, 0)
    ) as number
from counted
left join bulk_numbers as numbers on counted.i = numbers.i
left join (
    select
        repository_id - 400000 as repository_index,
        max(number) as number
    from (
        select repository_id, number from raw_github.pull_requests
        union all
        select repository_id, number from bulk_numbers
    ) as numbered
    group by 1
) as highest on counted.repository_index = highest.repository_index;

analyze bulk_pull_requests;

-- A repository has 300 files in a fixed order, neighbours in the same folder. A pull request touches a run of them near
-- its author's own, which is what makes owners.
insert into raw_github.pull_request_files (
    pull_request_id, repository_id, path, previous_path, change_type, additions, deletions, _dlt_load_id, _dlt_id
)
with
chosen as (
    select
        pull_requests.id,
        pull_requests.repository_id,
        pull_requests.load_id,
        pull_requests.k * 64 + slot as key,
        (
            pull_requests.author_index * 37
            + floor(120 * power(pg_temp.roll(pull_requests.k, 30), 2))::bigint
            + slot
        ) % 300 as position
    from bulk_pull_requests as pull_requests
    cross join generate_series(1, pull_requests.files_count) as slot
),

sized as (
    select
        chosen.*,
        position / 10 as folder,
        pg_temp.roll(key, 31) as change,
        floor(exp(5.5 * pg_temp.roll(key, 32)) - 1)::bigint as additions,
        floor(exp(4.5 * pg_temp.roll(key, 33)) - 1)::bigint as deletions
    from chosen
),

named as (
    select
        sized.*,
        'pkg' || repository_id % 400000 as package,
        (array[
            'billing', 'berths', 'cargo', 'customs', 'auth', 'manifests', 'pricing', 'routing', 'search', 'sessions',
            'inspect', 'confirm', 'environment', 'locks', 'api', 'reports', 'uploads', 'users', 'vessels', 'weather',
            'queues', 'permissions', 'exports', 'calendar', 'alerts', 'ledger', 'quotes', 'storage', 'tides', 'yard'
        ])[1 + folder] as area
    from sized
)

select
    id,
    repository_id,
    case position % 10
        when 0 then 'src/' || package || '/' || area || '/models.py'
        when 1 then 'src/' || package || '/' || area || '/service_' || folder || '.py'
        when 2 then 'tests/' || area || '/test_' || package || '_service.py'
        when 3 then 'web/' || package || '/' || area || '/' || area || 'Panel.tsx'
        when 4 then 'docs/' || package || '/' || area || '.md'
        when 5 then 'migrations/' || package || '/' || lpad(folder::text, 4, '0') || '_' || area || '.sql'
        when 6 then 'src/' || package || '/' || area || '/latest.py'
        when 7 then (array['.github/workflows/', 'deploy/', 'config/'])[1 + folder % 3] || package || '-' || area || '.yml'
        when 8 then 'api/' || package || '/' || area || '/openapi.yaml'
        else (array['assets/', 'src/'])[1 + folder % 2] || package || '/' || area || (array['.png', '.go', '.sql'])[1 + folder % 3]
    end,
    case when change > 0.96 then 'old/' || package || '/' || area || '/' || position || '.txt' end,
    case
        when change < 0.15 then 'ADDED'
        when change < 0.9 then 'MODIFIED'
        when change < 0.96 then 'DELETED'
        else 'RENAMED'
    end,
    case when change >= 0.9 and change < 0.96 then 0 when change > 0.98 then 0 else additions end,
    case when change < 0.15 or change > 0.98 then 0 else deletions end,
    load_id,
    'f' || key
from named;

insert into raw_github.pull_request_commits (
    pull_request_id, repository_id, oid, position, message, authored_at, committed_at, author_name, author_email_hash,
    author_user_id, committer_name, committer_email_hash, committer_user_id, parents_count, _dlt_load_id, _dlt_id
)
select
    pull_requests.id,
    pull_requests.repository_id,
    md5((pull_requests.k * 64 + slot)::text) || left(md5((-pull_requests.k)::text), 8),
    slot,
    pg_temp.pick(
        array['Address review', 'Fix tests', 'Rename for clarity', 'Add the missing case', 'wip', 'Merge main', 'Tidy up'],
        pg_temp.roll(pull_requests.k * 64 + slot, 40)
    ),
    committed_at,
    committed_at,
    'Author ' || pull_requests.author_index,
    md5('author' || pull_requests.author_index),
    pull_requests.author_id,
    'Author ' || pull_requests.author_index,
    md5('author' || pull_requests.author_index),
    pull_requests.author_id,
    1 + (pg_temp.roll(pull_requests.k * 64 + slot, 41) < 0.05)::integer,
    pull_requests.load_id,
    'c' || pull_requests.k * 64 + slot
from bulk_pull_requests as pull_requests
cross join generate_series(1, pull_requests.commits_count) as slot
cross join lateral (
    select
        pull_requests.created_at - interval '4 hours'
        + (pull_requests.active_until - pull_requests.created_at) * (slot - 1) / pull_requests.commits_count as committed_at
) as timed;

-- twelve people review in each repository
insert into raw_github.pull_request_reviews (
    id, node_id, pull_request_id, repository_id, author_id, author_association, state, body, url,
    created_at, submitted_at, updated_at, _dlt_load_id, _dlt_id
)
select
    pull_requests.id * 16 + slot,
    'PRR_' || pull_requests.id * 16 + slot,
    pull_requests.id,
    pull_requests.repository_id,
    case
        when pg_temp.roll(pull_requests.k * 64 + slot, 50) >= 0.005
            then 5000000 + (
                pull_requests.repository_index * 13 + floor(12 * pg_temp.roll(pull_requests.k * 64 + slot, 51))::bigint
            ) % pull_requests.authors
    end,
    'MEMBER',
    pg_temp.pick(
        array[
            'APPROVED', 'APPROVED', 'APPROVED', 'APPROVED', 'APPROVED', 'COMMENTED', 'COMMENTED', 'COMMENTED',
            'CHANGES_REQUESTED', 'DISMISSED'
        ],
        pg_temp.roll(pull_requests.k * 64 + slot, 52)
    ),
    case when slot = 1 then 'Looks good apart from the naming; see below.' else '' end,
    'https://github.com/pull/' || pull_requests.id || '#review-' || slot,
    submitted_at,
    submitted_at,
    submitted_at,
    pull_requests.load_id,
    'r' || pull_requests.k * 64 + slot
from bulk_pull_requests as pull_requests
cross join generate_series(1, pull_requests.reviews_count) as slot
cross join lateral (
    select
        pull_requests.created_at
        + (pull_requests.active_until - pull_requests.created_at) * pg_temp.roll(pull_requests.k * 64 + slot, 53) as submitted_at
) as timed;

insert into raw_github.pull_request_review_threads (
    id, pull_request_id, repository_id, path, line, original_line, diff_side, subject_type, is_resolved, is_outdated,
    comments_total, _dlt_load_id, _dlt_id
)
select
    'PRRT_' || pull_requests.id * 16 + slot,
    pull_requests.id,
    pull_requests.repository_id,
    'src/pkg' || pull_requests.repository_index || '/billing/models.py',
    slot * 10,
    slot * 10,
    'RIGHT',
    'LINE',
    pg_temp.roll(pull_requests.k * 64 + slot, 60) < 0.7,
    pg_temp.roll(pull_requests.k * 64 + slot, 61) < 0.2,
    2,
    pull_requests.load_id,
    't' || pull_requests.k * 64 + slot
from bulk_pull_requests as pull_requests
cross join generate_series(1, pull_requests.threads_count) as slot;

-- a thread is the reviewer's remark and the author's reply
insert into raw_github.pull_request_review_comments (
    id, node_id, pull_request_id, repository_id, thread_id, review_id, reply_to_id, author_id, author_association, body, path,
    line, original_line, is_minimized, url, created_at, updated_at, _dlt_load_id, _dlt_id
)
select
    threads.first_id + turn,
    'PRRC_' || threads.first_id + turn,
    pull_requests.id,
    pull_requests.repository_id,
    'PRRT_' || pull_requests.id * 16 + slot,
    pull_requests.id * 16 + 1,
    case when turn = 1 then threads.first_id end,
    case
        when turn = 1 then pull_requests.author_id
        else 5000000 + (
            pull_requests.repository_index * 13 + floor(12 * pg_temp.roll(pull_requests.k * 64 + slot, 62))::bigint
        ) % pull_requests.authors
    end,
    'MEMBER',
    case when turn = 1 then 'Done.' else 'Could this fail when the list is empty?' end,
    'src/pkg' || pull_requests.repository_index || '/billing/models.py',
    slot * 10,
    slot * 10,
    false,
    'https://github.com/pull/' || pull_requests.id || '#discussion_r' || threads.first_id + turn,
    threads.raised_at + turn * interval '20 minutes',
    threads.raised_at + turn * interval '20 minutes',
    pull_requests.load_id,
    'd' || (pull_requests.k * 64 + slot) * 2 + turn
from bulk_pull_requests as pull_requests
cross join generate_series(1, pull_requests.threads_count) as slot
cross join generate_series(0, 1) as turn
cross join lateral (
    select
        pull_requests.id * 64 + slot * 2 as first_id,
        pull_requests.created_at
        + (pull_requests.active_until - pull_requests.created_at) * pg_temp.roll(pull_requests.k * 64 + slot, 63) as raised_at
) as threads;

insert into raw_github.pull_request_comments (
    id, node_id, pull_request_id, repository_id, author_id, author_association, body, is_minimized, url, created_at, updated_at,
    _dlt_load_id, _dlt_id
)
select
    pull_requests.id * 32 + slot,
    'IC_' || pull_requests.id * 32 + slot,
    pull_requests.id,
    pull_requests.repository_id,
    case
        when pg_temp.roll(pull_requests.k * 64 + slot, 70) < 0.4 then pull_requests.author_id
        else 5000000 + (
            pull_requests.repository_index * 13 + floor(12 * pg_temp.roll(pull_requests.k * 64 + slot, 71))::bigint
        ) % pull_requests.authors
    end,
    'CONTRIBUTOR',
    'Does this also cover the case of a vessel without a berth? I could reproduce it on staging yesterday.',
    false,
    'https://github.com/pull/' || pull_requests.id || '#issuecomment-' || slot,
    commented_at,
    commented_at,
    pull_requests.load_id,
    'o' || pull_requests.k * 64 + slot
from bulk_pull_requests as pull_requests
cross join generate_series(1, pull_requests.comments_count) as slot
cross join lateral (
    select
        pull_requests.created_at
        + (pull_requests.active_until - pull_requests.created_at) * pg_temp.roll(pull_requests.k * 64 + slot, 72) as commented_at
) as timed;

insert into raw_github.pull_request_labels (
    pull_request_id, repository_id, label_id, name, color, description, _dlt_load_id, _dlt_id
)
select
    pull_requests.id,
    pull_requests.repository_id,
    'LA_' || pull_requests.repository_index || '_' || label_index,
    (array[
        'feature', 'bug', 'Enhancement', 'documentation', 'refactor', 'type:feature', 'dependencies', 'needs-triage',
        'team/berths', 'team/cargo', 'priority:high', 'ci', 'tests', 'good first issue'
    ])[1 + label_index],
    lpad(to_hex(label_index * 1000003 % 16777216), 6, '0'),
    '',
    pull_requests.load_id,
    'l' || pull_requests.k * 64 + slot
from bulk_pull_requests as pull_requests
cross join generate_series(1, pull_requests.labels_count) as slot
cross join lateral (
    select (floor(7 * pg_temp.roll(pull_requests.k * 64 + slot, 80)) * 2 + slot % 2)::bigint as label_index
) as labelled;

insert into raw_github.pull_request_assignees (pull_request_id, repository_id, user_id, _dlt_load_id, _dlt_id)
select
    id,
    repository_id,
    5000000 + author_index,
    load_id,
    'a' || k
from bulk_pull_requests
where is_assigned;

insert into raw_github.pull_request_review_requests (
    id, pull_request_id, repository_id, reviewer_type, reviewer_user_id, is_code_owner, _dlt_load_id, _dlt_id
)
select
    'RR_' || k,
    id,
    repository_id,
    'User',
    5000000 + (repository_index * 13) % authors,
    pg_temp.roll(k, 90) < 0.3,
    load_id,
    'q' || k
from bulk_pull_requests
where was_review_requested and closed_at is null;

insert into raw_github.pull_request_closing_issues (
    pull_request_id, repository_id, issue_id, issue_repository, issue_number, issue_title, issue_state, issue_url,
    _dlt_load_id, _dlt_id
)
select
    id,
    repository_id,
    7000000000 + i,
    'org-' || repository_index % 40 || '/service-' || repository_index,
    1000000 + i,
    'The berth list is empty after midnight',
    case when merged_at is null then 'OPEN' else 'CLOSED' end,
    'https://github.com/issues/' || i,
    load_id,
    'i' || k
from bulk_pull_requests
where closes_an_issue;

insert into raw_github.pull_request_events (
    id, pull_request_id, repository_id, type, actor_id, created_at, requested_user_id, before_oid, after_oid, previous_title,
    current_title, _dlt_load_id, _dlt_id
)
select
    happened.type || '_' || pull_requests.k || '_' || happened.step,
    pull_requests.id,
    pull_requests.repository_id,
    happened.type,
    5000000 + pull_requests.author_index,
    coalesce(
        happened.at,
        pull_requests.created_at + (pull_requests.active_until - pull_requests.created_at) * happened.step / 10.0
    ),
    case when happened.type = 'ReviewRequestedEvent' then 5000000 + (pull_requests.repository_index * 13) % pull_requests.authors end,
    case when happened.type = 'HeadRefForcePushedEvent' then md5('before' || pull_requests.k) || 'before00' end,
    case when happened.type = 'HeadRefForcePushedEvent' then md5('after' || pull_requests.k) || 'after000' end,
    case when happened.type = 'RenamedTitleEvent' then 'WIP' end,
    case when happened.type = 'RenamedTitleEvent' then 'Ready now' end,
    pull_requests.load_id,
    'e' || pull_requests.k || '_' || happened.step
from bulk_pull_requests as pull_requests
cross join lateral (
    values
    ('ReviewRequestedEvent', 1, null::timestamptz, pull_requests.was_review_requested),
    ('ReadyForReviewEvent', 2, null, pull_requests.was_opened_as_draft and not pull_requests.is_draft),
    ('RenamedTitleEvent', 3, null, pull_requests.was_retitled),
    ('HeadRefForcePushedEvent', 4, null, pull_requests.was_force_pushed),
    ('ClosedEvent', 5, null, pull_requests.was_reopened),
    ('ReopenedEvent', 6, null, pull_requests.was_reopened),
    ('MergedEvent', 8, pull_requests.merged_at, pull_requests.merged_at is not null),
    ('ClosedEvent', 9, pull_requests.closed_at, pull_requests.closed_at is not null)
) as happened (type, step, at, has_happened)
where happened.has_happened;

insert into raw_github.pull_requests (
    id, node_id, repository_id, number, title, body, state, is_draft, is_locked, is_cross_repository, author_id,
    author_association, merged_by_id, review_decision, base_ref_name, base_ref_oid, head_ref_name, head_ref_oid,
    merge_commit_oid, additions, deletions, changed_files, url, created_at, updated_at, closed_at, merged_at, files_total,
    commits_total, reviews_total, review_threads_total, comments_total, labels_total, assignees_total, review_requests_total,
    closing_issues_total, events_total, _dlt_load_id, _dlt_id
)
with
lines as (
    select
        files.pull_request_id,
        sum(files.additions) as additions,
        sum(files.deletions) as deletions
    from raw_github.pull_request_files as files
    where files._dlt_load_id in (select distinct bulk_selection.load_id from bulk_selection)
    group by 1
)

select
    pull_requests.id,
    'PR_' || pull_requests.id,
    pull_requests.repository_id,
    pull_requests.number,
    pg_temp.pick(
        array[
            'feat: ', 'feat(search)!: ', 'fix: ', 'fix(auth): ', 'chore: ', 'Add ', 'Implement ', 'Improve ', 'Fix ', 'Bump ',
            'Revert "feat: ', 'Support ', 'docs: ', '', '', ''
        ],
        pg_temp.roll(pull_requests.k, 100)
    )
    || pg_temp.pick(
        array[
            'berth calendar', 'customs manifest export', 'retry of failed uploads', 'tide table cache', 'price of a late departure',
            'session timeout', 'vessel search by IMO number', 'yard map', 'weather warnings', 'ledger rounding', 'İstanbul quay names'
        ],
        pg_temp.roll(pull_requests.k, 101)
    )
    || pg_temp.pick(
        array[' for agents', ' on mobile', ' in the API', ' when empty', ' without locks', ' (part 2)', ''],
        pg_temp.roll(pull_requests.k, 102)
    ),
    case
        when pg_temp.roll(pull_requests.k, 103) < 0.1 then ''
        when pg_temp.roll(pull_requests.k, 103) < 0.15 then null
        else '<!-- Thank you! Please fill in every part. -->' || E'\r\n## What\r\n\r\n'
            || repeat(
                'This changes how the ' || pg_temp.pick(
                    array['calendar', 'manifest', 'uploader', 'ledger', 'tariff'], pg_temp.roll(pull_requests.k, 104)
                ) || ' treats entries that arrive late, see [the note](https://example.com/' || pull_requests.i || '). ',
                1 + floor(6 * pg_temp.roll(pull_requests.k, 105))::integer
            )
            || E'\r\n\r\n## Check list\r\n- [x] tests\r\n- [ ] docs\r\n\r\n![screenshot](https://example.com/a.png)\r\n'
    end,
    case
        when pull_requests.merged_at is not null then 'MERGED'
        when pull_requests.closed_at is not null then 'CLOSED'
        else 'OPEN'
    end,
    pull_requests.is_draft,
    false,
    pg_temp.roll(pull_requests.i, 106) < 0.1,
    pull_requests.author_id,
    'MEMBER',
    case when pull_requests.merged_at is not null then 5000000 + (pull_requests.repository_index * 13) % pull_requests.authors end,
    case when pull_requests.reviews_count > 0 then 'APPROVED' end,
    'main',
    md5('base' || pull_requests.i) || 'base0000',
    'change-' || pull_requests.i,
    md5('head' || pull_requests.k) || 'head0000',
    case when pull_requests.merged_at is not null then md5('merge' || pull_requests.k) || 'merge000' end,
    lines.additions,
    lines.deletions,
    pull_requests.files_count,
    'https://github.com/org-' || pull_requests.repository_index % 40 || '/service-' || pull_requests.repository_index
    || '/pull/' || pull_requests.number,
    pull_requests.created_at,
    pull_requests.active_until + make_interval(hours => pull_requests.revision::integer),
    pull_requests.closed_at,
    pull_requests.merged_at,
    pull_requests.files_count,
    pull_requests.commits_count,
    pull_requests.reviews_count,
    pull_requests.threads_count,
    pull_requests.comments_count,
    pull_requests.labels_count,
    pull_requests.is_assigned::integer,
    (pull_requests.was_review_requested and pull_requests.closed_at is null)::integer,
    pull_requests.closes_an_issue::integer,
    pull_requests.was_review_requested::integer
    + (pull_requests.was_opened_as_draft and not pull_requests.is_draft)::integer
    + pull_requests.was_retitled::integer
    + pull_requests.was_force_pushed::integer
    + 2 * pull_requests.was_reopened::integer
    + (pull_requests.merged_at is not null)::integer
    + (pull_requests.closed_at is not null)::integer,
    pull_requests.load_id,
    'p' || pull_requests.k
from bulk_pull_requests as pull_requests
inner join lines on pull_requests.id = lines.pull_request_id;

insert into raw_github._dlt_loads (load_id, schema_name, status, inserted_at, schema_version_hash)
select distinct
    bulk_selection.load_id,
    'github',
    0::bigint,
    to_timestamp(bulk_selection.load_id::double precision),
    'bulk'
from bulk_selection;

drop table bulk_pull_requests;
