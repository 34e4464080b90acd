#!/usr/bin/env python3
"""A till for Yika in Python, written from protocol/README.md alone.

It is an independent check of that page and of the server: nothing here is taken from the engine's own sources.
Standard library and the `cryptography` package (for AES) only.

    python3 yika_client.py --vectors protocol/vectors.json
        checks the vectors, without a server

    python3 yika_client.py --port 7000 --keys keys.json --card 123456 --account 5
        signs in as the first terminal of keys.json, sells, retries, queries, uploads, undoes, and refunds

keys.json: {"terminals": [{"terminal": 1, "key": "hex", "epoch": 1}], "card_master": "hex",
            "code_keys": [{"id": 0, "key": "hex"}], "cards": [{"uid": 123456}]}     ("cards" may be left out)

Each step prints one line of JSON. The exit status is 0 when every step gave what the page promises, 1 when one
didn't, 2 when the client couldn't do its work.
"""

import argparse
import json
import struct
import sys
import time

from yika_wire import (
    HEADER_BYTES,
    KINDS,
    MAC_BYTES,
    OFFLINE_RECORD,
    STEP_NS,
    VERSION,
    VOICES,
    Direction,
    Keys,
    Refusal,
    Till,
    WireError,
    build,
    by_account,
    by_card,
    card_key,
    cmac,
    confirmation,
    derive,
    field_names,
    hello_frame,
    holder_digest,
    issue_code,
    judge_code,
    prove_frame,
    seal_password,
    read_scan,
    scan_key,
    scan_mac,
    scan_text,
    sign_record,
    spoken,
    terminal_key,
    terminal_tac_key,
    unpack,
    unpack_body,
    unpack_header,
    unwrap_key,
)

# The result codes that this client judges by; every other is shown by its number.
APPROVED, APPROVED_FLAGGED = 0, 1
IDENTITY_CONFLICT, REVERSED, ORDER_CONFLICT, UNKNOWN_SALE = 300, 303, 304, 305
NO_ACCOUNT = 0xFFFFFFFF
CURSOR_UNKNOWN, BLOCK_LIST_DIFFERS = 409, 410
AMOUNT_NOT_POSITIVE, NOT_PERMITTED, CODE_USED, NOT_AUTHENTIC, BAD_MAC = 400, 403, 514, 800, 105
CARD_LOST, PASSWORD_WRONG, CARD_ALREADY_LOST, CARD_NOT_LOST = 501, 523, 528, 529
REVERSAL_AFTER_REFUND, ALREADY_VOIDED, REFUND_ABOVE_ORIGINAL = 705, 708, 718
SCAN_NOT_AUTHENTIC, GAP_NOT_OPEN, PAYMENT_PENDING = 517, 644, 802
TOLD_NOWHERE, TOLD_CAME = 645, 647
CASHIER_ALREADY_ON, BATCH_DIFFERS, BATCH_CONFLICT = 616, 623, 624
TOTAL_COUNTS = ("debits", "offline", "reversals", "voids", "refunds", "top_ups", "top_ups_undone", "tenders")

# Kinds of a bill's lines.
LINE_DEBIT, LINE_LOAD, LINE_SETTLE = 1, 2, 9


class Mismatch(Exception):
    """A step didn't give what the page promises."""


# Steps -------------------------------------------------------------------------------------------------------


def say(step, **values):
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}
    print(json.dumps({"step": step, **shown}), flush=True)


def check(step, condition, what, **values):
    if not condition:
        raise Mismatch(f"{step}: {what}: {values}")


def run_against_server(options):
    with open(options.keys, encoding="utf-8") as file:
        keys = json.load(file)
    entry = keys["terminals"][options.terminal_index]
    till = Till(options.host, options.port, entry["terminal"], bytes.fromhex(entry["key"]), entry["epoch"])
    amount = options.amount_fen

    card = options.card
    if card is None and keys.get("cards"):
        card = keys["cards"][0]["uid"]
    # A card's counter only has to rise: tenths of a second do, from one run of this client to the next.
    tenths = (time.time_ns() - 1_600_000_000_000_000_000) // 100_000_000
    counter = options.card_counter if options.card_counter is not None else tenths

    wrong = Till(options.host, options.port, entry["terminal"], bytes(16), entry["epoch"])
    try:
        wrong.sign_in()
        raise Mismatch("sign_in_with_a_wrong_key: the server took it")
    except Refusal as refusal:
        check("sign_in_with_a_wrong_key", refusal.values["code"] == BAD_MAC, "another code", **refusal.values)
        say("sign_in_with_a_wrong_key", code=refusal.values["code"])
    finally:
        wrong.close()

    welcome = till.sign_in()
    say("sign_in", terminal=till.terminal, epoch=till.epoch, **welcome)
    rules, meals, prices = till.call("ClassRules", {}), till.call("MealPeriods", {}), till.call("PriceTable", {})
    check("tables", rules["code"] == APPROVED and len(rules["lines"]) == rules["count"], "no rules", **rules)
    versions = {table["parameter_version"] for table in (rules, meals, prices)}
    same_version = len(versions) == 1 and min(versions) >= welcome["parameter_version"]
    check("tables", same_version, "tables of several versions", rules=rules, meals=meals, prices=prices)
    counts = {name: len(table["lines"]) for name, table in (("classes", rules), ("meals", meals), ("prices", prices))}
    say("tables", version=rules["parameter_version"], **counts)
    block_list(till, welcome["block_list_version"])
    now = time.time_ns()
    say("heartbeat", **till.call("Heartbeat", {"till_time_ns": now}))
    if options.cashier_index is not None and card is not None:
        top_up(options, keys["terminals"][options.cashier_index], card)

    sales = []
    if card is None:
        say("card", skipped="no --card and no cards in the keys file")
        account = options.account
    else:
        account = sell_by_card(till, card, counter, amount, sales)
    if options.cashier_index is not None and card is not None:
        lose_and_find(options, keys["terminals"][options.cashier_index], till, account, card, counter + 1)
    if options.account is not None:
        account = options.account
    sell_by_code(till, keys, account, amount, sales)
    if options.gateway_index is not None and account is not None:
        self_scan(options, keys["terminals"][options.gateway_index], till, account, amount)
    if card is not None:
        upload(till, keys, card, counter + 2, amount, options.batch)
        gaps(options, keys, till, card, counter + 2 + options.batch, account)
        undo(till, sales[0])
        # Offline sales don't raise the counter that an online tap must be above.
        give_back(till, card, counter + 2, amount)
    tender(till, amount)
    shift_and_batch(till)
    if account is not None:
        walk_bill(till, account, sales)
        statement(till, account)
    till.call("SignOut", {})
    say("sign_out")
    till.close()


def block_list(till, version):
    """Downloads the whole list a page at a time, and reports it as active."""
    cards, of_version, more = [], 0, 1
    while more:
        after = cards[-1] if cards else 0
        body = {"have_version": 0, "of_version": of_version, "after_card": after, "lines_max": 500}
        page = till.call("BlockList", body)
        check("block_list", page["code"] == APPROVED and page["whole"] == 1, "not the whole list", **page)
        if page["version"] != of_version:
            cards = []
        cards += [line["card_uid"] for line in page["lines"]]
        of_version, more = page["version"], page["more"]
    check("block_list", of_version >= version and cards == sorted(set(cards)), "not in order", **page)
    message = struct.pack("<II", of_version, len(cards)) + b"".join(struct.pack("<Q", card) for card in cards)
    digest = cmac(bytes(16), message)
    check("block_list", digest == page["digest"] and page["cards"] == len(cards), "another digest", **page)
    body = {"version": of_version, "digest": digest, "till_time_ns": time.time_ns()}
    active = till.call("BlockListActive", body)
    check("block_list_active", active["code"] == APPROVED, "not taken", **active)
    wrong = till.call("BlockListActive", {**body, "digest": bytes(16)})
    check("block_list_differs", wrong["code"] == BLOCK_LIST_DIFFERS, "another code", **wrong)
    say("block_list", version=of_version, cards=len(cards))


def balance_of(till, selector):
    answer = till.call("Balance", selector)
    check("balance", answer["code"] == APPROVED, "no balance", **answer)
    parts = answer["card_fen"] + answer["transition_fen"] + answer["electronic_fen"]
    check("balance", parts == answer["system_fen"], "the wallets don't add up", **answer)
    return answer


def same_outcome(step, first, again):
    for name in ("code", "action", "account", "amount_fen", "record"):
        check(step, first[name] == again[name], f"{name} differs from the first answer's", first=first, again=again)


def top_up(options, entry, card):
    """Pays in a hundred sales' worth as another terminal, one that may."""
    cashier = Till(options.host, options.port, entry["terminal"], bytes.fromhex(entry["key"]), entry["epoch"])
    cashier.sign_in()
    before = balance_of(cashier, by_card(card))
    amount = 100 * options.amount_fen
    body = {**by_card(card), "amount_fen": amount, "channel": 12, "order": f"python-{time.time_ns()}"}
    sequence = cashier.next_sequence()
    paid = cashier.sell("TopUp", body, sequence)
    say("top_up", sequence=sequence, **paid)
    check("top_up", paid["code"] == APPROVED and paid["account"] == before["account"], "not approved", **paid)
    same_outcome("top_up_retry", paid, cashier.sell("TopUp", body, sequence))
    # The same order under another sequence is the same money.
    again = cashier.sell("TopUp", body, cashier.next_sequence())
    check("top_up_order_again", again["code"] == APPROVED, "not approved", **again)
    after = balance_of(cashier, by_card(card))
    expected = before["system_fen"] + amount
    check("top_up", after["system_fen"] == expected, f"the balance isn't {expected}", **after)
    undo_top_up(cashier, card, sequence, paid)
    cashier.call("SignOut", {})
    cashier.close()


def undo_top_up(cashier, card, original, paid):
    """Takes the money back, and pays it in anew under another order."""
    body = {
        "original_sequence": original,
        "original_epoch": cashier.epoch,
        "reason": 3,
        "amount_fen": paid["amount_fen"],
        "till_time_ns": time.time_ns(),
    }
    before = balance_of(cashier, by_card(card))
    sequence = cashier.next_sequence()
    try:
        undone = cashier.sell("TopUpUndo", body, sequence)
    except Refusal as refusal:
        check("top_up_undo", refusal.values["code"] == NOT_PERMITTED, "another code", **refusal.values)
        say("top_up_undo", skipped="this cashier isn't a counter")
        return
    say("top_up_undo", sequence=sequence, **undone)
    check("top_up_undo", undone["code"] == APPROVED, "not approved", **undone)
    same_outcome("top_up_undo_retry", undone, cashier.sell("TopUpUndo", body, sequence))
    after = balance_of(cashier, by_card(card))
    expected = before["system_fen"] - paid["amount_fen"]
    check("top_up_undo", after["system_fen"] == expected, f"the balance isn't {expected}", **after)
    again = {**by_card(card), "amount_fen": paid["amount_fen"], "channel": 12, "order": f"anew-{time.time_ns()}"}
    paid = cashier.sell("TopUp", again, cashier.next_sequence())
    check("top_up_anew", paid["code"] == APPROVED and not paid["flags"] & 1, "not approved", **paid)


def lose_and_find(options, entry, till, account, card, counter):
    """At a counter: a query password is set, the card reported lost by it, and found again."""
    cashier = Till(options.host, options.port, entry["terminal"], bytes.fromhex(entry["key"]), entry["epoch"])
    cashier.sign_in()

    def ask(name, password, code, selector):
        sequence = cashier.next_sequence()
        for repeat in (0, 1):
            # A retry is another frame, so the password is sealed anew.
            sealed = cashier.seal_password(password)
            body = {**selector, "password": sealed, "till_time_ns": 7}
            answer = cashier.sell(name, body, sequence)
            check(name, answer["code"] == code and answer["flags"] & 1 == repeat, "another answer", **answer)

    try:
        ask("PasswordSet", "912345", APPROVED, by_account(account))
    except Refusal as refusal:
        check("loss_report", refusal.values["code"] == NOT_PERMITTED, "another code", **refusal.values)
        say("loss_report", skipped="this cashier isn't a counter")
        return
    ask("LossReport", "912346", PASSWORD_WRONG, by_account(account))
    ask("LossLift", "912345", CARD_NOT_LOST, by_account(account))
    ask("LossReport", "912345", APPROVED, by_account(account))
    ask("LossReport", "912345", CARD_ALREADY_LOST, by_account(account))
    body = {"card_uid": card, "card_counter": counter, "amount_fen": 1, "till_time_ns": time.time_ns()}
    lost = till.sell("CardDebit", body, till.next_sequence())
    check("loss_report", lost["code"] == CARD_LOST, "a lost card paid", **lost)
    ask("LossLift", "912345", APPROVED, by_card(card))
    say("loss_report", code=lost["code"])
    pay_with_password(till, body)
    cashier.call("SignOut", {})
    cashier.close()


def pay_with_password(till, body):
    """As above a limit: the holder keys the query password in, wrong at first; then the sale is undone."""
    before = balance_of(till, by_card(body["card_uid"]))
    for password, code in (("912346", PASSWORD_WRONG), ("912345", APPROVED)):
        sequence = till.next_sequence()
        for repeat in (0, 1):
            typed = {**body, "password": till.seal_password(password)}
            paid = till.sell("PasswordDebit", typed, sequence)
            check("password_debit", paid["code"] == code and paid["flags"] & 1 == repeat, "another answer", **paid)
    check("password_debit", paid["balance_after_fen"] == before["system_fen"] - 1, "another balance", **paid)
    say("password_debit", sequence=sequence, **paid)
    undo(till, (sequence, paid))


def sell_by_card(till, card, counter, amount, sales):
    before = balance_of(till, by_card(card))
    say("balance", **before)
    sequence = till.next_sequence()
    body = {"card_uid": card, "card_counter": counter, "amount_fen": amount, "till_time_ns": time.time_ns()}
    sale = till.sell("CardDebit", body, sequence)
    say("card_debit", sequence=sequence, **sale)
    check("card_debit", sale["code"] == APPROVED and not sale["flags"] & 1, "not approved", **sale)
    check("card_debit", sale["account"] == before["account"], "another account", **sale)
    check("card_debit", spoken(sale) == "支付成功", "it says something else", **sale)
    expected = before["system_fen"] - amount
    check("card_debit", sale["balance_after_fen"] == expected, f"the balance isn't {expected}", **sale)
    sales.append((sequence, sale))

    again = till.sell("CardDebit", body, sequence)
    say("retry", sequence=sequence, **again)
    same_outcome("retry", sale, again)
    check("retry", again["flags"] & 1, "not marked as a repeat", **again)

    till.sign_in()
    again = till.sell("CardDebit", body, sequence)
    say("retry_in_a_new_session", sequence=sequence, **again)
    same_outcome("retry_in_a_new_session", sale, again)

    conflict = till.sell("CardDebit", {**body, "amount_fen": amount + 1}, sequence)
    say("conflict", sequence=sequence, **conflict)
    check("conflict", conflict["code"] == IDENTITY_CONFLICT, "another code", **conflict)

    query = till.call("SaleQuery", {"sequence": sequence, "epoch": till.epoch})
    say("sale_query", **query)
    same_outcome("sale_query", sale, query)
    receipt = till.call("Reprint", {"sequence": sequence, "epoch": till.epoch})
    say("reprint", **receipt)
    same_outcome("reprint", sale, receipt)
    printed = (receipt["marks"], receipt["kind"], receipt["card_uid"], receipt["sequence"])
    check("reprint", printed == (1, 1, card, sequence), "another receipt", **receipt)
    unknown = till.call("SaleQuery", {"sequence": sequence + 1_000, "epoch": till.epoch})
    say("sale_query_unknown", **unknown)
    check("sale_query_unknown", unknown["code"] == UNKNOWN_SALE, "another code", **unknown)
    unknown = till.call("Reprint", {"sequence": sequence + 1_000, "epoch": till.epoch})
    check("reprint_unknown", (unknown["code"], unknown["kind"]) == (UNKNOWN_SALE, 0), "another receipt", **unknown)

    refused = till.call("CardDebit", {**body, "amount_fen": 0, "card_counter": counter}, sequence + 1)
    say("amount_zero", **refused)
    check("amount_zero", refused["code"] == AMOUNT_NOT_POSITIVE, "another code", **refused)

    after = balance_of(till, by_card(card))
    check("balance", after["system_fen"] == expected, f"the balance isn't {expected}", **after)
    return sale["account"]


def sell_by_code(till, keys, account, amount, sales):
    if not keys.get("code_keys") or account is None:
        say("code_debit", skipped="no code key or no account")
        return
    key_id, key = keys["code_keys"][0]["id"], bytes.fromhex(keys["code_keys"][0]["key"])
    sequence = till.next_sequence()
    # The sequence as nonce: two runs within one time step show two codes.
    code = issue_code(key, key_id, account, time.time_ns() // STEP_NS, sequence % 16)
    body = {"code": code, "amount_fen": amount, "till_time_ns": time.time_ns()}
    sale = till.sell("CodeDebit", body, sequence)
    say("code_debit", sequence=sequence, digits=code, **sale)
    check("code_debit", sale["code"] == APPROVED and sale["account"] == account, "not approved", **sale)
    sales.append((sequence, sale))
    again = till.sell("CodeDebit", body, sequence)
    same_outcome("code_retry", sale, again)
    say("code_retry", sequence=sequence, **again)
    sequence = till.next_sequence()
    used = till.sell("CodeDebit", body, sequence)
    say("code_again", sequence=sequence, **used)
    check("code_again", used["code"] == CODE_USED, "a code was taken twice", **used)


def self_scan(options, entry, till, account, amount):
    """The till shows a code as if it were offline; a gateway pays it; the till sees that by the phone's number, and tells."""
    gateway = Till(options.host, options.port, entry["terminal"], bytes.fromhex(entry["key"]), entry["epoch"])
    gateway.sign_in()
    before = balance_of(gateway, by_account(account))
    key = scan_key(till.key, till.terminal)
    sequence = till.next_sequence()
    shown = {
        "terminal": till.terminal,
        "epoch": till.epoch,
        "sequence": sequence,
        "amount_fen": amount,
        "till_time_s": time.time_ns() // 1_000_000_000,
    }
    text = scan_text(key, shown)
    scanned = read_scan(text)
    check("self_scan", scanned == {**shown, "mac": scan_mac(key, shown, b"QR")}, "read otherwise", **scanned)
    record = {name: 0 for name in field_names(OFFLINE_RECORD)}
    record |= {
        "terminal": till.terminal,
        "sequence": sequence,
        "epoch": till.epoch,
        "flags": 1,
        "amount_fen": amount,
        "till_time_ns": shown["till_time_s"] * 1_000_000_000,
        "tac_key": 2,
        "layout": 1,
    }
    told = {"batch": 7, "count": 1, "records": [sign_record(record, terminal_tac_key(till.key, till.terminal))]}
    line = till.call("Upload", told)["lines"][0]
    check("self_scan", line["code"] == PAYMENT_PENDING, "told before it is paid", **line)
    paid = gateway.sell("ScanPay", {**by_account(account), **scanned}, gateway.next_sequence())
    say("self_scan", text=text, **paid)
    check("self_scan", paid["code"] in (APPROVED, APPROVED_FLAGGED), "not paid", **paid)
    check("self_scan", paid["confirmation"] == confirmation(key, shown), "another confirmation", **paid)
    line = till.call("Upload", told)["lines"][0]
    check("self_scan", line["code"] == paid["code"], "the till isn't told that it is paid", **line)
    forged = {**by_account(account), **scanned, "amount_fen": amount + 1}
    refused = gateway.sell("ScanPay", forged, gateway.next_sequence())
    check("self_scan", refused["code"] == SCAN_NOT_AUTHENTIC, "another code", **refused)
    check("self_scan", refused["confirmation"] == 0xFFFFFFFF, "a confirmation of nothing", **refused)
    after = balance_of(gateway, by_account(account))
    expected = before["system_fen"] - amount
    check("self_scan", after["system_fen"] == expected, f"the balance isn't {expected}", **after)
    gateway.call("SignOut", {})
    gateway.close()


def offline_sale(till, card, sale, previous, before_fen, now):
    """A record of a sale (sequence, card counter, amount) under the card's own key, not signed yet."""
    return {
        "terminal": till.terminal,
        "sequence": sale[0],
        "epoch": till.epoch,
        "flags": 0,
        "card_counter": sale[1],
        "card_uid": card,
        "balance_before_fen": before_fen,
        "amount_fen": sale[2],
        "till_time_ns": now,
        "previous_terminal": previous[0],
        "previous_sequence": previous[1],
        "previous_amount_fen": previous[2],
        "previous_card_counter": previous[3],
        "previous_epoch": previous[4],
        "tac_key": 1,
        "layout": 1,
        "block_list_version": 0,
        "block_list_age_s": 60,
        "offline_since_ns": now - 60_000_000_000,
    }


def upload(till, keys, card, counter, amount, count):
    before = balance_of(till, by_card(card))
    now = time.time_ns()
    tac_key = card_key(bytes.fromhex(keys["card_master"]), card)
    own_key = terminal_tac_key(till.key, till.terminal)
    records, previous = [], (0, 0, 0, 0, 0)
    for index in range(count):
        sequence = till.next_sequence()
        sale = (sequence, counter + index, amount)
        record = offline_sale(till, card, sale, previous, before["card_fen"] - index * amount, now)
        record["tac_key"] = 1 + index % 2
        previous = (till.terminal, sequence, amount, counter + index, till.epoch)
        records.append(sign_record(record, own_key if index % 2 else tac_key))
    forged = records[0][:-1] + bytes([records[0][-1] ^ 1])
    forged = struct.pack("<II", till.terminal, till.sequence + 1) + forged[8:]
    sent = {"batch": 1, "count": count + 1, "records": [*records, forged]}
    first = till.call("Upload", sent)
    check("upload", first["batch"] == 1 and len(first["lines"]) == count + 1, "another batch", **first)
    for line, record in zip(first["lines"], records):
        named = struct.unpack_from("<IIH", record)[1:]
        check("upload", (line["sequence"], line["epoch"]) == named, "another record's line", **line)
        check("upload", line["code"] in (APPROVED, APPROVED_FLAGGED) and line["record"], "not taken", **line)
    check("upload", first["lines"][-1]["code"] == NOT_AUTHENTIC, "a forged record was taken", **first["lines"][-1])
    say("upload", lines=first["lines"])
    again = till.call("Upload", {**sent, "batch": 2})
    check("upload_again", again["lines"] == first["lines"], "the second upload differs", **again)
    after = balance_of(till, by_card(card))
    expected = before["system_fen"] - count * amount
    check("upload_again", after["system_fen"] == expected, f"the balance isn't {expected}", **after)
    say("upload_again", balance_fen=after["system_fen"])


def gaps(options, keys, till, card, counter, account):
    """Leaves a hole in the till's sequences, has it listed and closed, and asks how far the balance is confirmed."""
    if options.cashier_index is None or account is None:
        say("gaps", skipped="no --cashier-index or no account")
        return
    entry = keys["terminals"][options.cashier_index]
    cashier = Till(options.host, options.port, entry["terminal"], bytes.fromhex(entry["key"]), entry["epoch"])
    cashier.sign_in()
    till.next_sequence()
    hole = till.next_sequence()
    body = {"card_uid": card, "card_counter": 0, "amount_fen": 1, "till_time_ns": time.time_ns()}
    till.sell("CardDebit", body, till.next_sequence())
    asked = {"terminal": till.terminal, "after_terminal": 0, "after_first": 0, "after_epoch": 0, "lines_max": 1}
    lines, page = [], {"more": 1}
    while page["more"]:
        page = cashier.call("OpenGaps", asked)
        check("gaps", page["code"] == APPROVED and len(page["lines"]) <= 1, "no list", **page)
        lines += page["lines"]
        for line in page["lines"]:
            asked |= {"after_terminal": line["terminal"], "after_first": line["first"], "after_epoch": line["epoch"]}
    found = [line for line in lines if line["kind"] == 1 and line["first"] <= hole <= line["last"]]
    check("gaps", len(found) == 1 and found[0]["terminal"] == till.terminal, f"{hole} isn't listed", lines=lines)
    reason = {"till": till.terminal, "epoch": till.epoch, "reason": "python says so", "till_time_ns": time.time_ns()}
    close = {**reason, "first": found[0]["first"], "last": found[0]["last"]}
    sequence = cashier.next_sequence()
    closed = cashier.sell("GapClose", close, sequence)
    check("gaps", closed["code"] == APPROVED, "not closed", **closed)
    same_outcome("gaps", closed, cashier.sell("GapClose", close, sequence))
    again = cashier.sell("GapClose", close, cashier.next_sequence())
    check("gaps", again["code"] == GAP_NOT_OPEN, "closed twice", **again)
    told_post(cashier, till, keys, card, counter, hole)
    unconfirmed = cashier.call("Unconfirmed", by_account(account))
    check("gaps", unconfirmed["code"] == APPROVED and unconfirmed["offline_sales"] >= options.batch, "no answer", **unconfirmed)
    say("gaps", closed=close["first"], **unconfirmed)
    cashier.call("SignOut", {})
    cashier.close()


def told_post(cashier, till, keys, card, counter, lost):
    """The card tells of a sale under a sequence that never came; it is posted on the card's word, once."""
    before = balance_of(till, by_card(card))
    amount, now = 37, time.time_ns()
    previous = (till.terminal, lost, amount, counter, till.epoch)
    record = offline_sale(till, card, (till.next_sequence(), counter + 1, 1), previous, before["card_fen"], now)
    signed = sign_record(record, card_key(bytes.fromhex(keys["card_master"]), card))
    told = till.call("Upload", {"batch": 3, "count": 1, "records": [signed]})
    check("told_post", told["lines"][0]["code"] in (APPROVED, APPROVED_FLAGGED), "not taken", **told)
    body = {"card_uid": card, "card_counter": counter, "reason": "python says so", "till_time_ns": now}
    nobody = cashier.sell("ToldPost", {**body, "card_counter": counter + 7}, cashier.next_sequence())
    check("told_post", nobody["code"] == TOLD_NOWHERE, "nobody told of that", **nobody)
    sequence = cashier.next_sequence()
    posted = cashier.sell("ToldPost", body, sequence)
    check("told_post", (posted["code"], posted["amount_fen"]) == (APPROVED_FLAGGED, amount), "not posted", **posted)
    same_outcome("told_post", posted, cashier.sell("ToldPost", body, sequence))
    again = cashier.sell("ToldPost", body, cashier.next_sequence())
    check("told_post", again["code"] == TOLD_CAME, "posted twice", **again)
    after = balance_of(till, by_card(card))
    expected = before["system_fen"] - amount - 1
    check("told_post", after["system_fen"] == expected, f"the balance isn't {expected}", **after)
    say("told_post", **posted)


def undo(till, sold):
    original, sale = sold
    body = {
        "original_sequence": original,
        "original_epoch": till.epoch,
        "reason": 3,
        "amount_fen": sale["amount_fen"],
        "till_time_ns": time.time_ns(),
    }
    before = balance_of(till, by_account(sale["account"]))
    sequence = till.next_sequence()
    reversal = till.sell("Reversal", body, sequence)
    say("reversal", sequence=sequence, **reversal)
    check("reversal", reversal["code"] == APPROVED, "not approved", **reversal)
    same_outcome("reversal_retry", reversal, till.sell("Reversal", body, sequence))
    after = balance_of(till, by_account(sale["account"]))
    expected = before["system_fen"] + sale["amount_fen"]
    check("reversal", after["system_fen"] == expected, f"the balance isn't {expected}", **after)
    query = till.call("SaleQuery", {"sequence": original, "epoch": till.epoch})
    say("sale_query_reversed", **query)
    check("sale_query_reversed", query["code"] == REVERSED, "the sale isn't told as reversed", **query)


def give_back(till, card, counter, amount):
    """Voids one sale, and refunds another in two parts."""
    before = balance_of(till, by_card(card))
    now = time.time_ns()
    sold = []
    for index in range(2):
        sequence = till.next_sequence()
        body = {"card_uid": card, "card_counter": counter + index, "amount_fen": amount, "till_time_ns": now}
        check("sale_to_give_back", till.sell("CardDebit", body, sequence)["code"] == APPROVED, "not approved")
        sold.append(sequence)
    void = {
        "original_sequence": sold[0],
        "original_epoch": till.epoch,
        "reason": 3,
        "amount_fen": amount,
        "till_time_ns": now,
    }
    sequence = till.next_sequence()
    voided = till.sell("Void", void, sequence)
    say("void", sequence=sequence, **voided)
    check("void", voided["code"] == APPROVED, "not approved", **voided)
    same_outcome("void_retry", voided, till.sell("Void", void, sequence))
    again = till.sell("Void", void, till.next_sequence())
    check("void_again", again["code"] == ALREADY_VOIDED, "another code", **again)

    named = {"original_terminal": till.terminal, "original_sequence": sold[1], "original_epoch": till.epoch}
    for part in (1, amount - 1):
        body = {**named, "amount_fen": part, "till_time_ns": now}
        sequence = till.next_sequence()
        refund = till.sell("Refund", body, sequence)
        say("refund", sequence=sequence, **refund)
        check("refund", refund["code"] == APPROVED and refund["amount_fen"] == part, "not approved", **refund)
        same_outcome("refund_retry", refund, till.sell("Refund", body, sequence))
    above = till.sell("Refund", {**named, "amount_fen": 1, "till_time_ns": now}, till.next_sequence())
    check("refund_above", above["code"] == REFUND_ABOVE_ORIGINAL, "another code", **above)
    late = till.sell("Reversal", {**void, "original_sequence": sold[1]}, till.next_sequence())
    check("reversal_after_refund", late["code"] == REVERSAL_AFTER_REFUND, "another code", **late)
    after = balance_of(till, by_card(card))
    check("refund", after["system_fen"] == before["system_fen"], "it isn't all back", **after)


def tender(till, amount):
    """Records a payment by WeChat Pay; its order counts once."""
    order = f"tender-{time.time_ns()}"
    body = {"amount_fen": amount, "channel": 10, "order": order, "till_time_ns": time.time_ns()}
    sequence = till.next_sequence()
    paid = till.sell("Tender", body, sequence)
    say("tender", sequence=sequence, **paid)
    check("tender", paid["code"] == APPROVED and paid["account"] == NO_ACCOUNT, "not approved", **paid)
    same_outcome("tender_retry", paid, till.sell("Tender", body, sequence))
    again = till.sell("Tender", body, till.next_sequence())
    check("tender_order_again", again["code"] == APPROVED and again["flags"] & 1, "not a repeat", **again)
    other = till.sell("Tender", {**body, "amount_fen": amount + 1}, till.next_sequence())
    check("tender_order_of_another_amount", other["code"] == ORDER_CONFLICT, "another code", **other)


def shift_and_batch(till):
    """A cashier signs on, the shift is told and closed, and what the till did is settled as a batch."""
    now = time.time_ns()
    sign = {"cashier": 7, "unsent_records": 0, "till_time_ns": now}
    on = till.call("CashierOn", sign)
    check("cashier_on", on["code"] == APPROVED, "not approved", **on)
    other = till.call("CashierOn", {**sign, "cashier": 8})
    check("cashier_on", other["code"] == CASHIER_ALREADY_ON, "another code", **other)
    shift = till.call("ShiftTotals", {})
    check("shift_totals", shift["code"] == APPROVED and shift["cashier"] == 7, "no totals", **shift)
    close = {"shift": shift["shift"], "unsent_records": 0, "till_time_ns": now}
    closed = till.call("ShiftClose", close)
    names = [name for name in shift if name.endswith("_fen") or name in TOTAL_COUNTS]
    same = all(closed[name] == shift[name] for name in names)
    check("shift_close", closed["code"] == APPROVED and len(names) == 16 and same, "other totals", **closed)
    again = till.call("ShiftClose", close)
    check("shift_close_again", again["flags"] & 1 and again["record"] == closed["record"], "not a repeat", **again)
    # The till doesn't know where its last batch ended: the server says what is out of order.
    batch = {"batch": 1, "first": 1, "last": till.sequence, "as_it_stands": 0, "till_time_ns": now}
    batch.update({name: 0 for name in names})
    settled = till.call("BatchSettle", batch)
    check("batch_settle", settled["code"] in (BATCH_DIFFERS, BATCH_CONFLICT), "another code", **settled)
    if settled["code"] == BATCH_DIFFERS:
        first = max(1, till.sequence - 1_999)
        lines = till.call("BatchLines", {"first": first, "last": till.sequence, "count": 0, "lines": []})
        check("batch_lines", lines["code"] == APPROVED and lines["equal"] == 0, "another answer", **lines)
        only_here = all(line["result"] == 2 and line["record"] for line in lines["lines"])
        check("batch_lines", only_here and lines["lines"], "the till sent none", **lines)
        batch.update({name: settled[name] for name in names})
        settled = till.call("BatchSettle", batch)
        check("batch_settle", settled["code"] == APPROVED and settled["record"], "not closed", **settled)
        again = till.call("BatchSettle", batch)
        check("batch_settle_again", again["flags"] & 1 and again["record"] == settled["record"], "not a repeat", **again)
    say("batch_settle", batch=settled["batch"], code=settled["code"], shift=closed["shift"])


def walk_bill(till, account, sales):
    before, seen, pages = 0, [], 0
    while pages < 4:
        page = till.call("Bill", {**by_account(account), "before": before, "lines_max": 20})
        check("bill", page["code"] == APPROVED, "no bill", **page)
        seen += page["lines"]
        pages += 1
        before = page["next_before"]
        if before == 0:
            break
    numbers = [line["record"] for line in seen]
    check("bill", numbers == sorted(numbers, reverse=True) and len(set(numbers)) == len(numbers), "not in order")
    for sequence, sale in sales:
        if sale["account"] == account and sale["code"] == APPROVED:
            lines = [line for line in seen if line["record"] == sale["record"]]
            check("bill", len(lines) == 1, f"sequence {sequence} isn't there once", record=sale["record"])
            check("bill", lines[0]["amount_fen"] == -sale["amount_fen"], "another amount", **lines[0])
    say("bill", pages=pages, lines=len(seen))


def statement(till, account):
    balance_fen = balance_of(till, by_account(account))["system_fen"]
    whole = {**by_account(account), "before": 0, "from_day": 0, "to_day": 65535, "kinds": 0, "by": 1, "lines_max": 7}
    seen, pages, before = [], [], 0
    while not pages or before:
        page = till.call("Statement", {**whole, "before": before})
        check("statement", page["code"] == APPROVED, "no statement", **page)
        moved = page["opening_fen"] + page["in_fen"] + page["out_fen"]
        check("statement", moved == page["closing_fen"], "it doesn't add up", **page)
        check("statement", (page["more"] == 0) == (page["next_before"] == 0), "nothing leads on", **page)
        seen += page["lines"]
        pages.append(page)
        before = page["next_before"]
    first = pages[0]
    check("statement", (first["opening_fen"], first["closing_fen"]) == (0, balance_fen), "not the balance", **first)
    # Within the account: neither in nor out.
    moves = [line["amount_fen"] for line in seen if line["kind"] not in (LINE_LOAD, LINE_SETTLE)]
    sums = (sum(amount for amount in moves if amount > 0), sum(amount for amount in moves if amount < 0))
    check("statement", sums == (first["in_fen"], first["out_fen"]), f"the lines make {sums}", **first)
    debits = till.call("Statement", {**whole, "kinds": 1 << LINE_DEBIT, "lines_max": 50})
    check("statement", all(line["kind"] == LINE_DEBIT for line in debits["lines"]), "another kind", **debits)
    check("statement", debits["out_fen"] == first["out_fen"], "the sums are of all lines", **debits)
    yesterday = {**whole, "to_day": (time.time_ns() // 1_000_000_000 + 8 * 3600) // 86400 - 10957 - 1}
    earlier = till.call("Statement", yesterday)
    today = till.call("Statement", {**whole, "from_day": yesterday["to_day"] + 1})
    check("statement", earlier["closing_fen"] == today["opening_fen"], "a day opens with another balance", **today)
    lost = till.call("Statement", {**whole, "before": 1 << 60})
    check("statement", lost["code"] == CURSOR_UNKNOWN, "another's record is no place to go on from", **lost)
    say("statement", pages=len(pages), lines=len(seen), closing_fen=first["closing_fen"])


# Vectors -----------------------------------------------------------------------------------------------------


def plain(value):
    """A value as it stands in the vectors."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def run_vectors(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    step = "vectors"
    check(step, vectors["protocol_version"] == VERSION, "another version")

    keys = vectors["keys"]
    secret = {name: bytes.fromhex(value) for name, value in keys.items() if isinstance(value, str)}
    master, terminal, card = secret["master"], keys["terminal"], keys["card_uid"]
    derived = {
        "terminal_key": terminal_key(master, terminal, keys["terminal_key_version"]),
        "terminal_tac_key": terminal_tac_key(secret["terminal_key"], terminal),
        "card_master": derive(master, b"YKcardm1", 0),
        "card_key": card_key(secret["card_master"], card),
        "code_key": derive(master, b"YKcodek1", keys["code_key_id"]),
        "holder_key": derive(master, b"YKholdk1", 0),
        "terminal_key_check_value": cmac(secret["terminal_key"], bytes(16))[:3],
    }
    for name, value in derived.items():
        check(step, value == secret[name], f"{name} is derived otherwise")
    say("keys", derived=len(derived))

    sign_in = vectors["sign_in"]
    frames = {frame["name"]: bytes.fromhex(frame["hex"]) for frame in sign_in["frames"]}
    nonce, firmware = bytes.fromhex(sign_in["till_nonce"]), sign_in["frames"][0]["body"]["firmware"]
    check(step, hello_frame(terminal, sign_in["epoch"], nonce, firmware) == frames["hello"], "another Hello")
    session = Keys(secret["terminal_key"], frames["hello"], frames["challenge"])
    for name, value in (
        ("till_proof", session.till_proof),
        ("server_proof", session.server_proof),
        ("up_key", session.up),
        ("down_key", session.down),
    ):
        check(step, value.hex() == sign_in[name], f"another {name}")
    up, down = Direction(session.up), Direction(session.down)
    prove = up.seal(prove_frame(terminal, sign_in["epoch"], session.till_proof))
    check(step, prove == frames["prove"], "another Prove")
    down.open(frames["welcome"])
    say("sign_in", frames=len(frames))

    for frame in sign_in["frames"] + vectors["session"]:
        data = bytes.fromhex(frame["hex"])
        kind, ids, counter = unpack_header(data)
        body = unpack_body(kind, data[HEADER_BYTES:-MAC_BYTES])
        name = frame["name"]
        header = frame["header"]
        check(step, KINDS[kind][0] == frame["kind"] and (kind < 0x80) == frame["to_server"], f"kind of {name}")
        echoed = (header["terminal"], header["epoch"], header["sequence"], header["request_id"])
        check(step, ids == echoed and counter == header["counter"], f"header of {name}")
        check(step, plain(body) == frame["body"], f"body of {name}", read=plain(body), told=frame["body"])
        check(step, data[-MAC_BYTES:].hex() == frame["mac"], f"MAC of {name}")
        if name in frames:
            continue
        direction = up if frame["to_server"] else down
        check(step, direction.seal(build(kind, ids, body)) == data, f"{name} is built otherwise")
    say("session", frames=len(vectors["session"]))

    for record in vectors["offline_records"]:
        data = bytes.fromhex(record["hex"])
        fields = unpack(OFFLINE_RECORD, data)
        key = secret["card_key"] if fields["tac_key"] == 1 else secret["terminal_tac_key"]
        check(step, plain(fields) == record["fields"], "fields of an offline record")
        check(step, sign_record(fields, key) == data, "TAC of an offline record")
    say("offline_records", records=len(vectors["offline_records"]))

    code = vectors["payment_code"]
    digits = issue_code(secret["code_key"], code["key_id"], code["account"], code["step"], code["nonce"])
    check(step, digits == code["digits"], "another payment code", digits=digits)
    for judged in code["judged"]:
        outcome = judge_code(secret["code_key"], digits, judged["now_ns"])
        check(step, outcome == judged["outcome"], "another verdict", judged=judged, got=outcome)
    say("payment_code", digits=digits, judged=len(code["judged"]))

    check(step, session.wrapping == secret["wrapping_key"], "another wrapping key")
    (told,) = (frame["body"] for frame in vectors["session"] if frame["kind"] == "TerminalKeyAnswer")
    wrapped, check_value = bytes.fromhex(told["wrapped"]), bytes.fromhex(told["check_value"])
    next_key = unwrap_key(session.wrapping, wrapped, check_value)
    check(step, next_key == terminal_key(master, terminal, told["key_version"]), "another key was wrapped")

    phone = vectors["phone"]
    check(step, session.password.hex() == phone["password_key"], "another password key")
    sealed = seal_password(session.password, phone["password"], bytes.fromhex(phone["salt"]))
    check(step, sealed.hex() == phone["sealed"], "the password is sealed otherwise")
    for label, text, digest in ((b"YKopenid", "user_id", "virtual_id"), (b"YKphone1", "phone", "phone_digest")):
        check(step, holder_digest(secret["holder_key"], label, phone[text]) == phone[digest], f"another {digest}")
    say("phone", virtual_id=phone["virtual_id"])

    scan = vectors["self_scan"]
    key = bytes.fromhex(scan["scan_key"])
    check(step, key == scan_key(secret["terminal_key"], terminal), "the scan key is derived otherwise")
    shown = {name: scan[name] for name in ("terminal", "epoch", "sequence", "amount_fen", "till_time_s")}
    check(step, scan_text(key, shown) == scan["text"], "another text", text=scan_text(key, shown))
    check(step, plain(read_scan(scan["text"])) == {**shown, "mac": scan["mac"]}, "the text is read otherwise")
    check(step, f"{confirmation(key, shown):06}" == scan["confirmation"], "another confirmation")
    say("self_scan", text=scan["text"], confirmation=scan["confirmation"])

    known = {code["number"]: code["name"] for code in vectors["result_codes"]}
    for number, name in (
        (APPROVED, "Approved"),
        (APPROVED_FLAGGED, "ApprovedFlagged"),
        (BAD_MAC, "BadMac"),
        (IDENTITY_CONFLICT, "IdentityConflict"),
        (REVERSED, "Reversed"),
        (UNKNOWN_SALE, "UnknownSale"),
        (AMOUNT_NOT_POSITIVE, "AmountNotPositive"),
        (CODE_USED, "CodeUsed"),
        (NOT_AUTHENTIC, "NotAuthentic"),
        (SCAN_NOT_AUTHENTIC, "ScanNotAuthentic"),
        (GAP_NOT_OPEN, "GapNotOpen"),
        (TOLD_NOWHERE, "ToldNowhere"),
        (TOLD_CAME, "ToldCame"),
        (PAYMENT_PENDING, "PaymentPending"),
    ):
        check(step, known.get(number) == name, f"code {number} isn't {name}")
    say("result_codes", codes=len(known))

    voices = vectors["voices"]
    check(step, {voice["number"]: voice["text"] for voice in voices} == VOICES, "other sentences")
    of_success = {kind: voice["number"] for voice in voices for kind in voice["approved"]}
    of_failure = {code: voice["number"] for voice in voices for code in voice["codes"]}
    check(step, set(of_failure) == set(known) - {APPROVED, APPROVED_FLAGGED}, "a code says nothing")
    spoken_frames = [frame for frame in vectors["session"] if "flags" in frame["body"] and not frame["to_server"]]
    for frame in spoken_frames:
        code, flags = frame["body"]["code"], frame["body"]["flags"]
        request = frame["kind"].removesuffix("Answer")
        expected = of_failure[code] if code in of_failure else of_success[request]
        check(step, flags >> 1 == expected, f"the voice of {frame['name']}", flags=flags)
    say("voices", voices=len(voices), frames=len(spoken_frames))


def main():
    parser = argparse.ArgumentParser(description="A till for Yika, as an independent check of its wire.")
    parser.add_argument("--vectors", metavar="FILE", help="check this vectors file, without a server")
    parser.add_argument("--host", default="127.0.0.1", help="where the server listens (%(default)s)")
    parser.add_argument("--port", type=int, help="the server's port")
    parser.add_argument("--keys", metavar="FILE", help="the keys file")
    parser.add_argument("--terminal-index", type=int, default=0, help="which terminal of it (%(default)s)")
    parser.add_argument("--cashier-index", type=int, help="which terminal of it pays money in first; else none does")
    parser.add_argument("--gateway-index", type=int, help="which terminal of it pays what the first shows; else none does")
    parser.add_argument("--card", type=int, help="the card number to sell to; else the first of the keys file")
    parser.add_argument("--card-counter", type=int, help="the card's counter to begin with; else from the clock")
    parser.add_argument("--account", type=int, help="the account for the payment code; else the card's")
    parser.add_argument("--amount-fen", type=int, default=100, help="the amount of each sale (%(default)s)")
    parser.add_argument("--batch", type=int, default=10, help="offline records in the upload (%(default)s)")
    options = parser.parse_args()
    if not options.vectors and not (options.port and options.keys):
        parser.error("either --vectors, or --port and --keys")
    try:
        if options.vectors:
            run_vectors(options.vectors)
        if options.port:
            run_against_server(options)
    except Mismatch as mismatch:
        say("mismatch", what=str(mismatch))
        return 1
    except (OSError, WireError, ValueError, KeyError) as error:
        say("failed", what=f"{type(error).__name__}: {error}")
        return 2
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
