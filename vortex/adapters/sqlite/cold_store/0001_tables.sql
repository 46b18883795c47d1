-- data_dir/vortex.db: the ledger. Money is TEXT decimal, time TEXT ISO-8601 UTC with milliseconds.
-- No CHECK: a value that is new to this file must never keep a trade from being written down.
create table trade_logs (
    id             text primary key,
    symbol         text not null,
    side           text not null,
    strategy       text not null,
    entry_price    text not null,
    quantity       text not null,
    leverage       integer not null,
    open_fee_usdt  text not null,
    sl_price       text not null,
    tp_price       text not null,
    confidence     real not null,
    final_score    real not null,
    e1_direction   text not null,
    e5_regime      text not null,
    opened_at      text not null,
    status         text not null,
    mode           text not null,
    account        text not null,
    market_source  text not null,
    profile        text not null,
    revision       integer not null,
    exit_price     text,
    closed_at      text,
    hold_time_s    integer,
    close_reason   text,
    close_fee_usdt text,
    funding_usdt   text not null,
    pnl_gross_usdt text,
    pnl_net_usdt   text,
    pnl_pct        text
) without rowid;
create index trade_logs_opened on trade_logs (opened_at desc, id desc);
create index trade_logs_symbol on trade_logs (symbol, opened_at desc);
create index trade_logs_closed on trade_logs (closed_at) where status = 'CLOSED';

create table rejected_signals (
    id               text primary key,
    symbol           text not null,
    action           text not null,
    strategy         text not null,
    rejection_reason text not null,
    confidence       real not null,
    final_score      real not null,
    daily_pnl        text not null,
    details          text not null,
    count            integer not null,
    mode             text not null,
    account          text not null,
    market_source    text not null,
    profile          text not null,
    created_at       text not null
) without rowid;
create index rejected_signals_created on rejected_signals (created_at desc, id desc);
create index rejected_signals_reason on rejected_signals (rejection_reason, created_at desc);
