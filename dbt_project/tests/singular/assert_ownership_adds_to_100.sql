{# the authors of a file share all of it: their percentages add to 100, their lines to total_lines #}
select
    repo_name,
    window_days,
    end_date,
    file_path,
    sum(ownership_pct) as ownership_pct,
    sum(lines_owned) as lines_owned,
    min(total_lines) as total_lines

from {{ ref('author_file_ownership') }}
group by repo_name, window_days, end_date, file_path
having
    abs(sum(ownership_pct) - 100) > 0.000001
    or sum(lines_owned) <> min(total_lines)
    or min(total_lines) <> max(total_lines)
