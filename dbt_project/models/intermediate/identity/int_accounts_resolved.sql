with

users as (

    select * from {{ ref('stg_github__users') }}

),

bot_accounts as (

    select * from {{ ref('bot_accounts') }}

),

author_aliases as (

    select * from {{ ref('author_aliases') }}

),

{# GraphQL says dependabot, REST dependabot[bot]; one spelling to look up by, whichever API the row came from #}
known as (

    select
        account_id,
        profile_name,
        avatar_url,
        account_type,
        load_id,
        deleted_at is not null or {{ lower_ascii('login') }} = 'ghost' as is_ghost,
        {{ replace_all('login', "'\\[bot\\]$'") }} as login,
        {{ lower_ascii(replace_all('login', "'\\[bot\\]$'")) }} as login_key,
        account_type = 'Bot' or right(login, 5) = '[bot]' as says_bot

    from users

),

{# work without an account is the ghost's; it is account 0, which GitHub never gives #}
with_ghost as (

    select
        0 as account_id,
        cast(null as text) as profile_name,
        cast(null as text) as avatar_url,
        'ghost' as login,
        'ghost' as login_key,
        true as is_ghost,
        false as is_bot,
        '' as load_id

    union all

    select
        known.account_id,
        known.profile_name,
        known.avatar_url,
        known.login,
        known.login_key,
        known.is_ghost,
        not known.is_ghost and (known.says_bot or bot_accounts.login is not null) as is_bot,
        known.load_id

    from known
    left join bot_accounts
        on known.login_key = {{ lower_ascii(replace_all('bot_accounts.login', "'\\[bot\\]$'")) }}

),

{# a login that was given up and taken by somebody else stands twice until the first account is read again: it
   belongs to the account read last, the other one carries its id #}
named as (

    select
        *,
        case
            when is_ghost then 'ghost'
            when is_bot then login || '[bot]'
            when row_number() over (
                partition by login_key, is_bot, is_ghost
                order by load_id desc, account_id desc
            ) = 1 then login
            else login || ' (' || account_id || ')'
        end as own_username

    from with_ghost

),

{# a bot has one name and as many accounts as there are APIs #}
names as (

    select
        {{ lower_ascii('own_username') }} as username_key,
        min(own_username) as username,
        bool_or(is_bot) as is_bot

    from named
    where not is_ghost
    group by {{ lower_ascii('own_username') }}

),

{# an alias gives all that its account did to another one, known or not; what the name of an unknown one ends in says
   whether it is a bot #}
redirected as (

    select
        named.*,
        coalesce(names.username, author_aliases.username, named.own_username) as username,
        coalesce(names.is_bot, right(author_aliases.username, 5) = '[bot]', named.is_bot) as author_is_bot

    from named
    left join author_aliases
        on {{ lower_ascii('named.own_username') }} = {{ lower_ascii('author_aliases.alias') }}
    left join names
        on {{ lower_ascii('author_aliases.username') }} = names.username_key

),

{# several accounts can be one author: an alias, a bot known from both APIs, the deleted ones. The author has the id
   of the account whose name it carries #}
final as (

    select
        account_id,
        username,
        first_value(account_id) over (
            partition by username
            order by own_username = username desc, account_id
        ) as author_account_id,
        own_username <> username as is_alias,
        author_is_bot as is_bot,
        is_ghost,
        profile_name,
        avatar_url

    from redirected

)

{{ select_with_updated_at('final', key=['account_id'], changed_at='changed_at') }}
