-- Accounts with room in each page for new row versions, so that a debit's update stays in its page and touches no index.
CREATE TABLE account (
    id integer PRIMARY KEY,
    balance bigint NOT NULL
) WITH (fillfactor = 50);

-- The journal is only ever appended to. Its primary key is the duplicate check.
CREATE TABLE journal (
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    terminal integer NOT NULL,
    sequence integer NOT NULL,
    account integer NOT NULL,
    PRIMARY KEY (terminal, sequence)
);

-- One debit, one transaction: gives the balance after it, -2 for too little money. A sequence that was there before
-- violates the primary key, and the whole transaction with it. Without a handler for that, which would cost a
-- subtransaction on every debit.
CREATE FUNCTION debit(p_terminal integer, p_sequence integer, p_account integer, p_amount bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    after bigint;
BEGIN
    UPDATE account SET balance = balance - p_amount
        WHERE id = p_account AND balance >= p_amount
        RETURNING balance INTO after;
    IF NOT FOUND THEN
        RETURN -2;
    END IF;
    INSERT INTO journal (terminal, sequence, account, amount, balance_after)
        VALUES (p_terminal, p_sequence, p_account, p_amount, after);
    RETURN after;
END
$$;
