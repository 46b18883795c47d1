-- What the ledger adds up to. Never over two modes, accounts or market sources: a simulated profit is no profit.
-- Profit and loss are of closed trades, net of fees and funding; a trade that broke even counts as neither won nor lost.
-- Equity, for the drawdown, is the sum of net results in the order in which trades closed, from 0.

create view public.v_trading_summary with (security_invoker = on) as
with curve as (
    select *, sum(pnl_net_usdt) over (partition by mode, account, market_source order by closed_at, id) as equity
    from public.trade_logs where status = 'CLOSED'
), falls as (
    select *, greatest(max(equity) over (partition by mode, account, market_source order by closed_at, id), 0) - equity as fall from curve
), closed as (
    select mode, account, market_source,
        count(*) as total,
        count(*) filter (where pnl_net_usdt > 0) as wins,
        count(*) filter (where pnl_net_usdt < 0) as losses,
        count(*) filter (where pnl_net_usdt = 0) as breakeven,
        sum(pnl_gross_usdt) as gross,
        sum(open_fee_usdt + close_fee_usdt) as fees,
        sum(pnl_net_usdt) as net,
        sum(pnl_net_usdt) filter (where closed_at >= date_trunc('day', now(), 'UTC')) as today,
        sum(pnl_net_usdt) filter (where pnl_net_usdt > 0) as won,
        -sum(pnl_net_usdt) filter (where pnl_net_usdt < 0) as lost,
        avg(pnl_net_usdt) as expectancy,
        avg(pnl_net_usdt) filter (where pnl_net_usdt > 0) as avg_win,
        avg(pnl_net_usdt) filter (where pnl_net_usdt < 0) as avg_loss,
        avg(pnl_pct) as avg_pct,
        max(pnl_net_usdt) as best,
        min(pnl_net_usdt) as worst,
        avg(hold_time_s) as hold_s,
        max(fall) as drawdown,
        min(closed_at) as first_closed,
        max(closed_at) as last_closed
    from falls group by mode, account, market_source
), present as (
    select mode, account, market_source,
        count(*) filter (where status = 'OPEN') as open_trades,
        count(*) filter (where status = 'FAILED') as failed_trades
    from public.trade_logs group by mode, account, market_source
)
select mode, account, market_source,
    coalesce(total, 0) as total_trades,
    open_trades,
    failed_trades,
    coalesce(wins, 0) as wins,
    coalesce(losses, 0) as losses,
    coalesce(breakeven, 0) as breakeven,
    round(100.0 * wins / total, 2) as win_rate_pct,
    coalesce(gross, 0) as pnl_gross_usdt,
    coalesce(fees, 0) as fees_usdt,
    coalesce(net, 0) as pnl_net_usdt,
    coalesce(today, 0) as pnl_net_today_usdt,
    round(coalesce(won, 0) / lost, 4) as profit_factor,
    round(expectancy, 8) as expectancy_usdt,
    round(avg_win, 8) as avg_win_usdt,
    round(avg_loss, 8) as avg_loss_usdt,
    round(avg_pct, 4) as avg_pnl_pct,
    best as best_trade_usdt,
    worst as worst_trade_usdt,
    round(hold_s, 3) as avg_hold_time_s,
    coalesce(drawdown, 0) as max_drawdown_usdt,
    first_closed as first_closed_at,
    last_closed as last_closed_at
from present left join closed using (mode, account, market_source);

create view public.v_symbol_summary with (security_invoker = on) as
with curve as (
    select *, sum(pnl_net_usdt) over (partition by mode, account, market_source, symbol order by closed_at, id) as equity
    from public.trade_logs where status = 'CLOSED'
), falls as (
    select *, greatest(max(equity) over (partition by mode, account, market_source, symbol order by closed_at, id), 0) - equity as fall from curve
), closed as (
    select mode, account, market_source, symbol,
        count(*) as total,
        count(*) filter (where pnl_net_usdt > 0) as wins,
        count(*) filter (where pnl_net_usdt < 0) as losses,
        count(*) filter (where pnl_net_usdt = 0) as breakeven,
        sum(pnl_gross_usdt) as gross,
        sum(open_fee_usdt + close_fee_usdt) as fees,
        sum(pnl_net_usdt) as net,
        sum(pnl_net_usdt) filter (where closed_at >= date_trunc('day', now(), 'UTC')) as today,
        sum(pnl_net_usdt) filter (where pnl_net_usdt > 0) as won,
        -sum(pnl_net_usdt) filter (where pnl_net_usdt < 0) as lost,
        avg(pnl_net_usdt) as expectancy,
        avg(pnl_net_usdt) filter (where pnl_net_usdt > 0) as avg_win,
        avg(pnl_net_usdt) filter (where pnl_net_usdt < 0) as avg_loss,
        avg(pnl_pct) as avg_pct,
        max(pnl_net_usdt) as best,
        min(pnl_net_usdt) as worst,
        avg(hold_time_s) as hold_s,
        max(fall) as drawdown,
        min(closed_at) as first_closed,
        max(closed_at) as last_closed
    from falls group by mode, account, market_source, symbol
), present as (
    select mode, account, market_source, symbol,
        count(*) filter (where status = 'OPEN') as open_trades,
        count(*) filter (where status = 'FAILED') as failed_trades
    from public.trade_logs group by mode, account, market_source, symbol
)
select mode, account, market_source, symbol,
    coalesce(total, 0) as total_trades,
    open_trades,
    failed_trades,
    coalesce(wins, 0) as wins,
    coalesce(losses, 0) as losses,
    coalesce(breakeven, 0) as breakeven,
    round(100.0 * wins / total, 2) as win_rate_pct,
    coalesce(gross, 0) as pnl_gross_usdt,
    coalesce(fees, 0) as fees_usdt,
    coalesce(net, 0) as pnl_net_usdt,
    coalesce(today, 0) as pnl_net_today_usdt,
    round(coalesce(won, 0) / lost, 4) as profit_factor,
    round(expectancy, 8) as expectancy_usdt,
    round(avg_win, 8) as avg_win_usdt,
    round(avg_loss, 8) as avg_loss_usdt,
    round(avg_pct, 4) as avg_pnl_pct,
    best as best_trade_usdt,
    worst as worst_trade_usdt,
    round(hold_s, 3) as avg_hold_time_s,
    coalesce(drawdown, 0) as max_drawdown_usdt,
    first_closed as first_closed_at,
    last_closed as last_closed_at
from present left join closed using (mode, account, market_source, symbol);

-- The newest 50 of each mode, account and market source.
create view public.v_recent_trades with (security_invoker = on) as
select
    id, symbol, side, strategy, entry_price, quantity, leverage, open_fee_usdt, sl_price, tp_price, confidence,
    final_score, e1_direction, e5_regime, opened_at, status, mode, account, market_source, profile, revision,
    exit_price, closed_at, hold_time_s, close_reason, close_fee_usdt, funding_usdt, pnl_gross_usdt, pnl_net_usdt,
    pnl_pct
from (
    select *, row_number() over (partition by mode, account, market_source order by opened_at desc, id desc) as place
    from public.trade_logs
) as placed
where place <= 50
order by opened_at desc, id desc;

revoke all on public.v_trading_summary, public.v_symbol_summary, public.v_recent_trades from public;
do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
        revoke all on public.v_trading_summary, public.v_symbol_summary, public.v_recent_trades from anon;
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
        revoke all on public.v_trading_summary, public.v_symbol_summary, public.v_recent_trades from authenticated;
        grant select on public.v_trading_summary, public.v_symbol_summary, public.v_recent_trades to authenticated;
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        revoke all on public.v_trading_summary, public.v_symbol_summary, public.v_recent_trades from service_role;
        grant select on public.v_trading_summary, public.v_symbol_summary, public.v_recent_trades to service_role;
    end if;
end
$$;
