select account_id
from {{ ref('fct_account_silences') }}
where
    is_alarm
    and (not is_listened_to or not posts_daily or gaps_known < {{ fewest_gaps_of_a_habit() }} or hours_silent is null)
