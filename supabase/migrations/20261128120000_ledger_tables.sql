-- The ledger: trades and rejected signals. Times are UTC; money is numeric, USDT.
-- Written by VORTEX-7 alone, each row whole and by its own id, so that writing one again changes nothing.
-- What is checked of a row here, vortex/domain/ledger_rules.py checks before it is sent.

create table public.trade_logs (
    id             uuid primary key,
    symbol         text not null check (char_length(symbol) between 1 and 40),
    side           text not null check (side in ('LONG', 'SHORT')),
    strategy       text not null check (strategy in ('A', 'B', 'C', 'X')),
    -- numeric takes NaN and Infinity, and holds NaN for greater than every number
    entry_price    numeric not null check (entry_price > 0 and entry_price < 'Infinity'),
    quantity       numeric not null check (quantity > 0 and quantity < 'Infinity'),
    leverage       integer not null check (leverage between 1 and 125),
    open_fee_usdt  numeric not null check (open_fee_usdt > '-Infinity' and open_fee_usdt < 'Infinity'),
    sl_price       numeric not null check (sl_price > '-Infinity' and sl_price < 'Infinity'),
    tp_price       numeric not null check (tp_price > '-Infinity' and tp_price < 'Infinity'),
    confidence     double precision not null check (confidence > '-Infinity' and confidence < 'Infinity'),
    final_score    double precision not null check (final_score between -1 and 1),
    e1_direction   text not null,
    e5_regime      text not null,
    opened_at      timestamptz not null,
    status         text not null check (status in ('OPEN', 'CLOSED', 'FAILED')),
    mode           text not null,
    account        text not null,
    market_source  text not null,
    profile        text not null,
    revision       integer not null check (revision >= 0),
    exit_price     numeric check (exit_price > '-Infinity' and exit_price < 'Infinity'),
    closed_at      timestamptz,
    hold_time_s    integer,
    -- no check of its values: one that is new here must never keep a trade from being written down
    close_reason   text,
    close_fee_usdt numeric check (close_fee_usdt > '-Infinity' and close_fee_usdt < 'Infinity'),
    funding_usdt   numeric not null default 0 check (funding_usdt > '-Infinity' and funding_usdt < 'Infinity'),
    pnl_gross_usdt numeric check (pnl_gross_usdt > '-Infinity' and pnl_gross_usdt < 'Infinity'),
    pnl_net_usdt   numeric check (pnl_net_usdt > '-Infinity' and pnl_net_usdt < 'Infinity'),
    pnl_pct        numeric check (pnl_pct > '-Infinity' and pnl_pct < 'Infinity'),
    constraint trade_logs_closed_is_complete check (
        status <> 'CLOSED' or (
            exit_price is not null and closed_at is not null and close_reason is not null
            and close_fee_usdt is not null and pnl_gross_usdt is not null and pnl_net_usdt is not null
        )
    )
);
create index trade_logs_opened on public.trade_logs (opened_at desc, id desc);
create index trade_logs_symbol on public.trade_logs (symbol, opened_at desc);
create index trade_logs_closed on public.trade_logs (closed_at) where status = 'CLOSED';
create index trade_logs_open on public.trade_logs (symbol) where status = 'OPEN';

create table public.rejected_signals (
    id               uuid primary key,
    symbol           text not null check (char_length(symbol) between 1 and 40),
    action           text not null check (action in ('LONG', 'SHORT')),
    strategy         text not null check (strategy in ('A', 'B', 'C', 'X')),
    rejection_reason text not null,
    confidence       double precision not null check (confidence > '-Infinity' and confidence < 'Infinity'),
    final_score      double precision not null check (final_score between -1 and 1),
    daily_pnl        numeric not null check (daily_pnl > '-Infinity' and daily_pnl < 'Infinity'),
    details          json not null,
    count            bigint not null check (count > 0),
    mode             text not null,
    account          text not null,
    market_source    text not null,
    profile          text not null,
    created_at       timestamptz not null
);
create index rejected_signals_created on public.rejected_signals (created_at desc, id desc);
create index rejected_signals_reason on public.rejected_signals (rejection_reason, created_at desc);

-- A request that timed out may still be carried out, after a newer one: the older version of a row then changes nothing.
create function public.trade_logs_keep_newest() returns trigger language plpgsql set search_path = '' as $$
begin
    if new.revision < old.revision then
        return null;
    end if;
    return new;
end
$$;
create trigger trade_logs_keep_newest before update on public.trade_logs
    for each row execute function public.trade_logs_keep_newest();

-- Who may what. The roles are Supabase's; a plain PostgreSQL has none of them, and the owner of the tables may all.
alter table public.trade_logs enable row level security;
alter table public.rejected_signals enable row level security;
revoke all on public.trade_logs, public.rejected_signals from public;
revoke all on function public.trade_logs_keep_newest() from public;
do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
        revoke all on public.trade_logs, public.rejected_signals from anon;
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
        revoke all on public.trade_logs, public.rejected_signals from authenticated;
        grant select on public.trade_logs, public.rejected_signals to authenticated;
        create policy dashboard_read on public.trade_logs for select to authenticated using (true);
        create policy dashboard_read on public.rejected_signals for select to authenticated using (true);
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        revoke all on public.trade_logs, public.rejected_signals from service_role;
        grant select, insert, update on public.trade_logs, public.rejected_signals to service_role;
    end if;
end
$$;
