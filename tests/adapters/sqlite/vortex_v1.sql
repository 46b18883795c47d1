-- A ledger that the first version wrote.
BEGIN TRANSACTION;
CREATE TABLE rejected_signals (
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
INSERT INTO "rejected_signals" VALUES('r1','ETHUSDT','SHORT','B','RR_LOW',0.6,-0.3,'-1.25','{"RR_LOW":{"value":"0.7","threshold":"0.8"}}',3,'paper','main','recording of 2024-08-08','demo profile','2024-08-08T00:00:00.000Z');
CREATE TABLE trade_logs (
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
INSERT INTO "trade_logs" VALUES('t1','BTCUSDT','LONG','A','60000.10','0.002',20,'0.06000010','59915.4','60253.8',0.7,0.41,'LONG','RANGING/NORMAL','2024-08-08T00:00:00.123Z','CLOSED','paper','main','recording of 2024-08-08','demo profile',2,'60253.8','2024-08-08T00:00:30.000Z',29,'TP_HIT','0.06025380','-0.001','0.50740000','0.38614610','6.43576');
INSERT INTO "trade_logs" VALUES('t2','BTCUSDT','LONG','A','60000.10','0.002',20,'0.06000010','59915.4','60253.8',0.7,0.41,'LONG','RANGING/NORMAL','2024-08-08T00:01:00.000Z','OPEN','paper','main','recording of 2024-08-08','demo profile',1,NULL,NULL,NULL,NULL,NULL,'0',NULL,NULL,NULL);
CREATE INDEX trade_logs_opened on trade_logs (opened_at desc, id desc);
CREATE INDEX trade_logs_symbol on trade_logs (symbol, opened_at desc);
CREATE INDEX trade_logs_closed on trade_logs (closed_at) where status = 'CLOSED';
CREATE INDEX rejected_signals_created on rejected_signals (created_at desc, id desc);
CREATE INDEX rejected_signals_reason on rejected_signals (rejection_reason, created_at desc);
COMMIT;
pragma user_version = 1;
