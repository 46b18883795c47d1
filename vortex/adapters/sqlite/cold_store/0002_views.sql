-- The views of supabase/migrations, with the same names and columns. Money is TEXT, ratios are numbers, time is TEXT.
-- SQLite adds in binary floating point: sums are rounded to 8 decimals, exact up to about 10 million USDT.

create view v_trading_summary as
with money as (
    select mode, account, market_source, id, closed_at, hold_time_s,
        cast(pnl_gross_usdt as real) as gross, cast(pnl_net_usdt as real) as net, cast(pnl_pct as real) as pct,
        cast(open_fee_usdt as real) + cast(close_fee_usdt as real) as fees
    from trade_logs where status = 'CLOSED'
), curve as (
    select *, sum(net) over (partition by mode, account, market_source order by closed_at, id) as equity from money
), falls as (
    select *, max(max(equity) over (partition by mode, account, market_source order by closed_at, id), 0) - equity as fall from curve
), closed as (
    select mode, account, market_source,
        count(*) as total,
        count(*) filter (where net > 0) as wins,
        count(*) filter (where net < 0) as losses,
        count(*) filter (where net = 0) as breakeven,
        sum(gross) as gross,
        sum(fees) as fees,
        sum(net) as net,
        sum(net) filter (where closed_at >= strftime('%Y-%m-%dT00:00:00.000Z', 'now')) as today,
        sum(net) filter (where net > 0) as won,
        -sum(net) filter (where net < 0) as lost,
        avg(net) as expectancy,
        avg(net) filter (where net > 0) as avg_win,
        avg(net) filter (where net < 0) as avg_loss,
        avg(pct) as avg_pct,
        max(net) as best,
        min(net) as worst,
        avg(hold_time_s) as hold_s,
        max(fall) as drawdown,
        min(closed_at) as first_closed,
        max(closed_at) as last_closed
    from falls group by mode, account, market_source
), present as (
    select mode, account, market_source,
        count(*) filter (where status = 'OPEN') as open_trades,
        count(*) filter (where status = 'FAILED') as failed_trades
    from trade_logs group by mode, account, market_source
)
select mode, account, market_source,
    coalesce(total, 0) as total_trades,
    open_trades,
    failed_trades,
    coalesce(wins, 0) as wins,
    coalesce(losses, 0) as losses,
    coalesce(breakeven, 0) as breakeven,
    round(100.0 * wins / total, 2) as win_rate_pct,
    cast(round(coalesce(gross, 0), 8) as text) as pnl_gross_usdt,
    cast(round(coalesce(fees, 0), 8) as text) as fees_usdt,
    cast(round(coalesce(net, 0), 8) as text) as pnl_net_usdt,
    cast(round(coalesce(today, 0), 8) as text) as pnl_net_today_usdt,
    round(coalesce(won, 0) / lost, 4) as profit_factor,
    cast(round(expectancy, 8) as text) as expectancy_usdt,
    cast(round(avg_win, 8) as text) as avg_win_usdt,
    cast(round(avg_loss, 8) as text) as avg_loss_usdt,
    round(avg_pct, 4) as avg_pnl_pct,
    cast(round(best, 8) as text) as best_trade_usdt,
    cast(round(worst, 8) as text) as worst_trade_usdt,
    round(hold_s, 3) as avg_hold_time_s,
    cast(round(coalesce(drawdown, 0), 8) as text) as max_drawdown_usdt,
    first_closed as first_closed_at,
    last_closed as last_closed_at
from present left join closed using (mode, account, market_source);

create view v_symbol_summary as
with money as (
    select mode, account, market_source, symbol, id, closed_at, hold_time_s,
        cast(pnl_gross_usdt as real) as gross, cast(pnl_net_usdt as real) as net, cast(pnl_pct as real) as pct,
        cast(open_fee_usdt as real) + cast(close_fee_usdt as real) as fees
    from trade_logs where status = 'CLOSED'
), curve as (
    select *, sum(net) over (partition by mode, account, market_source, symbol order by closed_at, id) as equity from money
), falls as (
    select *, max(max(equity) over (partition by mode, account, market_source, symbol order by closed_at, id), 0) - equity as fall from curve
), closed as (
    select mode, account, market_source, symbol,
        count(*) as total,
        count(*) filter (where net > 0) as wins,
        count(*) filter (where net < 0) as losses,
        count(*) filter (where net = 0) as breakeven,
        sum(gross) as gross,
        sum(fees) as fees,
        sum(net) as net,
        sum(net) filter (where closed_at >= strftime('%Y-%m-%dT00:00:00.000Z', 'now')) as today,
        sum(net) filter (where net > 0) as won,
        -sum(net) filter (where net < 0) as lost,
        avg(net) as expectancy,
        avg(net) filter (where net > 0) as avg_win,
        avg(net) filter (where net < 0) as avg_loss,
        avg(pct) as avg_pct,
        max(net) as best,
        min(net) as worst,
        avg(hold_time_s) as hold_s,
        max(fall) as drawdown,
        min(closed_at) as first_closed,
        max(closed_at) as last_closed
    from falls group by mode, account, market_source, symbol
), present as (
    select mode, account, market_source, symbol,
        count(*) filter (where status = 'OPEN') as open_trades,
        count(*) filter (where status = 'FAILED') as failed_trades
    from trade_logs group by mode, account, market_source, symbol
)
select mode, account, market_source, symbol,
    coalesce(total, 0) as total_trades,
    open_trades,
    failed_trades,
    coalesce(wins, 0) as wins,
    coalesce(losses, 0) as losses,
    coalesce(breakeven, 0) as breakeven,
    round(100.0 * wins / total, 2) as win_rate_pct,
    cast(round(coalesce(gross, 0), 8) as text) as pnl_gross_usdt,
    cast(round(coalesce(fees, 0), 8) as text) as fees_usdt,
    cast(round(coalesce(net, 0), 8) as text) as pnl_net_usdt,
    cast(round(coalesce(today, 0), 8) as text) as pnl_net_today_usdt,
    round(coalesce(won, 0) / lost, 4) as profit_factor,
    cast(round(expectancy, 8) as text) as expectancy_usdt,
    cast(round(avg_win, 8) as text) as avg_win_usdt,
    cast(round(avg_loss, 8) as text) as avg_loss_usdt,
    round(avg_pct, 4) as avg_pnl_pct,
    cast(round(best, 8) as text) as best_trade_usdt,
    cast(round(worst, 8) as text) as worst_trade_usdt,
    round(hold_s, 3) as avg_hold_time_s,
    cast(round(coalesce(drawdown, 0), 8) as text) as max_drawdown_usdt,
    first_closed as first_closed_at,
    last_closed as last_closed_at
from present left join closed using (mode, account, market_source, symbol);

create view v_recent_trades as
select
    id, symbol, side, strategy, entry_price, quantity, leverage, open_fee_usdt, sl_price, tp_price, confidence,
    final_score, e1_direction, e5_regime, opened_at, status, mode, account, market_source, profile, revision,
    exit_price, closed_at, hold_time_s, close_reason, close_fee_usdt, funding_usdt, pnl_gross_usdt, pnl_net_usdt,
    pnl_pct
from (
    select *, row_number() over (partition by mode, account, market_source order by opened_at desc, id desc) as place
    from trade_logs
) as placed
where place <= 50
order by opened_at desc, id desc;
