"""The wire of Yika in Python, written from protocol/README.md alone: layouts, keys, codes, records, a till's session.

Standard library and the `cryptography` package (for AES) only.
"""

import hmac
import os
import socket
import struct
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

HEADER = struct.Struct("<IBBBBIIHHIQ")
HEADER_BYTES = 32
MAC_BYTES = 8
MAGIC = 0x59
VERSION = 1
FRAME_BYTES_MAX = 262144
STEP_NS = 30_000_000_000

ANSWER_TIMEOUT_S = 3.0
RETRY_PAUSES_S = (1.0, 2.0)

# Each field: name and form. u8 u16 u32 u64 i16 i64, zN = N zero bytes, bN = N bytes, tN = text of N bytes.
SELECTOR = "account_by:u8 reserved:z7 account_value:b16"
MONEY = (
    "code:u16 action:u8 flags:u8 account:u32 amount_fen:i64 balance_after_fen:i64 record:u64 server_time_ns:u64"
)
OFFLINE_RECORD = (
    "terminal:u32 sequence:u32 epoch:u16 flags:u16 card_counter:u32 card_uid:u64 balance_before_fen:i64"
    " amount_fen:i64 till_time_ns:u64 previous_terminal:u32 previous_sequence:u32 previous_amount_fen:i64"
    " previous_card_counter:u32 previous_epoch:u16 tac_key:u8 layout:u8 block_list_version:u32"
    " block_list_age_s:u32 offline_since_ns:u64 tac:b8"
)
BILL_LINE = (
    "record:u64 time_ns:u64 amount_fen:i64 balance_after_fen:i64 merchant:u32 terminal:u32 sequence:u32"
    " epoch:u16 code:u16 related_record:u64 business_date:u16 kind:u8 channel:u8 wallet:u8 flags:u8 reserved:z2"
)
GAP_LINE = "terminal:u32 first:u32 last:u32 epoch:u16 kind:u8 reserved:z1 since_ns:u64 amount_fen:i64"
TOTALS = (
    "debits:u32 offline:u32 reversals:u32 voids:u32 refunds:u32 top_ups:u32 top_ups_undone:u32 tenders:u32"
    " debits_fen:i64 offline_fen:i64 reversals_fen:i64 voids_fen:i64 refunds_fen:i64 top_ups_fen:i64"
    " top_ups_undone_fen:i64 tenders_fen:i64"
)
SHIFT = "code:u16 action:u8 flags:u8 shift:u32 cashier:u32 reserved:z4 record:u64 " + TOTALS
TILL_LINE = "sequence:u32 kind:u8 result:u8 reserved:z2 amount_fen:i64 record:u64"
BATCH_LINE = "sequence:u32 epoch:u16 code:u16 record:u64"
ADJUSTMENT_LINE = (
    "proposal:u64 time_ns:u64 expires_ns:u64 amount_fen:i64 account:u32 proposer:u32 wallet:u8 direction:u8 reserved:z6"
)

# kind number: (name, fields of the body, name and fields of the items that `count` counts)
KINDS = {
    0x01: ("Hello", "version_min:u8 version_max:u8 reserved:z6 nonce:b16 firmware:t24", None),
    0x02: ("Prove", "proof:b16", None),
    0x03: ("SignOut", "", None),
    0x04: ("Heartbeat", "till_time_ns:u64", None),
    0x05: ("ClassRules", "", None),
    0x06: ("BlockList", "have_version:u32 of_version:u32 after_card:u64 lines_max:u16 reserved:z6", None),
    0x07: ("BlockListActive", "version:u32 reserved:z4 digest:b16 till_time_ns:u64", None),
    0x08: ("CashierOn", "cashier:u32 unsent_records:u32 till_time_ns:u64", None),
    0x09: ("CashierOff", "cashier:u32 unsent_records:u32 till_time_ns:u64", None),
    0x0A: ("ShiftTotals", "", None),
    0x0B: ("ShiftClose", "shift:u32 unsent_records:u32 till_time_ns:u64", None),
    0x0C: ("MealPeriods", "", None),
    0x0D: ("PriceTable", "", None),
    0x0E: ("TerminalKey", "", None),
    0x10: ("CardDebit", "card_uid:u64 card_counter:u32 reserved:z4 amount_fen:i64 till_time_ns:u64", None),
    0x11: ("CodeDebit", "code:t20 reserved:z4 amount_fen:i64 till_time_ns:u64", None),
    0x12: ("TopUp", SELECTOR + " amount_fen:i64 channel:u8 reserved:z7 order:t32", None),
    0x13: (
        "Reversal",
        "original_sequence:u32 original_epoch:u16 reason:u8 reserved:z1 amount_fen:i64 till_time_ns:u64"
        " reserved_tail:z8",
        None,
    ),
    0x16: (
        "Refund",
        "original_terminal:u32 original_sequence:u32 original_epoch:u16 reserved:z6 amount_fen:i64 till_time_ns:u64",
        None,
    ),
    0x17: (
        "Void",
        "original_sequence:u32 original_epoch:u16 reason:u8 reserved:z1 amount_fen:i64 till_time_ns:u64"
        " reserved_tail:z8",
        None,
    ),
    0x14: ("CardTap", "card_uid:u64 card_counter:u32 reserved:z4 amount_fen:i64 till_time_ns:u64", None),
    0x15: (
        "TapConfirm",
        "original_sequence:u32 original_epoch:u16 write:u8 reserved:z1 amount_fen:i64 till_time_ns:u64"
        " original_terminal:u32 reserved_tail:z4",
        None,
    ),
    0x18: (
        "TopUpUndo",
        "original_sequence:u32 original_epoch:u16 reason:u8 reserved:z1 amount_fen:i64 till_time_ns:u64"
        " reserved_tail:z8",
        None,
    ),
    0x19: ("Tender", "amount_fen:i64 channel:u8 reserved:z7 order:t32 till_time_ns:u64", None),
    0x1A: (
        "ScanPay",
        SELECTOR + " terminal:u32 sequence:u32 epoch:u16 reserved:z6 amount_fen:i64 till_time_s:u64 mac:b8",
        None,
    ),
    0x1B: ("CodeRevoke", SELECTOR + " till_time_ns:u64", None),
    0x1C: (
        "PasswordDebit",
        "card_uid:u64 card_counter:u32 reserved:z4 amount_fen:i64 password:b16 till_time_ns:u64",
        None,
    ),
    0x20: ("Balance", SELECTOR, None),
    0x21: ("Bill", SELECTOR + " before:u64 lines_max:u16 reserved:z6", None),
    0x22: ("SaleQuery", "sequence:u32 epoch:u16 reserved:z2", None),
    0x23: (
        "Statement",
        SELECTOR + " before:u64 from_day:u16 to_day:u16 kinds:u32 by:u8 reserved:z1 lines_max:u16 reserved_tail:z12",
        None,
    ),
    0x25: ("OpenGaps", "terminal:u32 after_terminal:u32 after_first:u32 after_epoch:u16 lines_max:u16", None),
    0x26: ("Unconfirmed", SELECTOR, None),
    0x27: ("Reprint", "sequence:u32 epoch:u16 reserved:z2", None),
    0x30: ("Upload", "batch:u32 count:u16 reserved:z2", ("records", OFFLINE_RECORD)),
    0x31: (
        "BatchSettle",
        "batch:u32 first:u32 last:u32 as_it_stands:u8 reserved:z3 " + TOTALS + " till_time_ns:u64",
        None,
    ),
    0x32: ("BatchLines", "first:u32 last:u32 count:u16 reserved:z6", ("lines", TILL_LINE)),
    0x40: (
        "CardIssue",
        SELECTOR + " card_uid:u64 kind:u8 reserved:z1 expires_day:u16 reserved_2:z4 fee_fen:i64 till_time_ns:u64"
        " reserved_tail:z8",
        None,
    ),
    0x41: ("CardReplace", SELECTOR + " new_card:u64 fee_fen:i64 reason:u8 kind:u8 expires_day:u16 reserved:z4 till_time_ns:u64", None),
    0x42: ("CardReturn", SELECTOR + " card_uid:u64 till_time_ns:u64", None),
    0x44: ("CardStock", "first:u64 count:u16 reserved:z6 till_time_ns:u64", None),
    0x46: ("ToldPost", "card_uid:u64 card_counter:u32 reserved:z4 reason:t32 till_time_ns:u64", None),
    0x48: ("PasswordSet", SELECTOR + " password:b16 till_time_ns:u64", None),
    0x49: ("VirtualBind", "student:t16 virtual_id:u64 password:b16 till_time_ns:u64", None),
    0x4A: ("VirtualUnbind", "virtual_id:u64 till_time_ns:u64", None),
    0x4B: ("PhoneChange", "virtual_id:u64 phone:u64 till_time_ns:u64", None),
    0x4C: ("LossReport", SELECTOR + " password:b16 till_time_ns:u64", None),
    0x4D: ("LossLift", SELECTOR + " password:b16 till_time_ns:u64", None),
    0x43: ("AccountClose", SELECTOR + " card_uid:u64 way:u8 reserved:z7 till_time_ns:u64", None),
    0x60: ("GapClose", "till:u32 first:u32 last:u32 epoch:u16 reserved:z2 reason:t32 till_time_ns:u64", None),
    0x61: ("CodeKeyRotate", "key_version:u32 earlier_codes:u8 reserved:z3 till_time_ns:u64", None),
    0x62: ("AccountFreeze", SELECTOR + " freeze_action:u8 reserved:z7 reason:t128", None),
    0x63: ("AccountLimits", SELECTOR + " debit_max_fen:u32 day_max_fen:u32 class:u8 reserved:z7 reason:t128", None),
    0x64: ("Adjust", SELECTOR + " amount_fen:i64 wallet:u8 direction:u8 reserved:z6 reason:t128", None),
    0x65: ("AdjustDecide", "proposal:u64 verdict:u8 reserved:z7 reason:t128", None),
    0x66: ("Adjustments", "after:u64 lines_max:u16 reserved:z6", None),
    0x67: (
        "SubsidyOpen",
        "batch:u32 mode:u8 reserved:z1 deadline_day:u16 lines:u32 reserved_2:z4 total_fen:i64 title:t128",
        None,
    ),
    0x68: ("SubsidyLines", "batch:u32 first:u32 count:u16 reserved:z6", ("lines", "account:u32 amount_fen:u32")),
    0x69: ("SubsidyStep", "batch:u32 step:u8 reserved:z3 reason:t128", None),
    0x6A: ("SubsidyQuery", "batch:u32 reserved:z4", None),
    0x6B: ("SubsidyPreview", "batch:u32 from_account:u32 lines_max:u16 reserved:z6", None),
    0x6C: ("TerminalKeyRotate", "key_of:u32 key_version:u32 reason:t128", None),
    0x81: ("Challenge", "version:u8 reserved:z7 nonce:b16", None),
    0x82: (
        "Welcome",
        "proof:b16 server_time_ns:u64 business_date:u16 in_flight_max:u16 heartbeat_interval_ms:u32 merchant:u32"
        " parameter_version:u32 block_list_version:u32 last_sequence:u32 debit_max_fen:i64"
        " offline_debit_max_fen:i64 offline_day_max_fen:i64 block_list_age_max_s:u32 offline_days_max:u16"
        " terminal_kind:u8 reserved:z1 key_version:u32 key_check:b3 reserved_tail:z1",
        None,
    ),
    0x83: ("SignedOut", "", None),
    0x84: (
        "HeartbeatAnswer",
        "server_time_ns:u64 clock_offset_ns:i64 parameter_version:u32 block_list_version:u32 business_date:u16"
        " reserved:z2 code_key_version:u32 key_version:u32 reserved_tail:z4",
        None,
    ),
    0x85: (
        "ClassRulesAnswer",
        "code:u16 action:u8 reserved:z1 parameter_version:u32 count:u16 reserved_tail:z6",
        (
            "lines",
            "floor_fen:i64 debit_max_fen:u32 day_max_fen:u32 offline_debit_max_fen:u32 offline_day_max_fen:u32"
            " class:u8 rule:u8 reserved:z2 code_max_fen:u32 meal_max_fen:u32",
        ),
    ),
    0x86: (
        "BlockListAnswer",
        "code:u16 action:u8 whole:u8 version:u32 count:u16 more:u8 reserved:z5 digest:b16 cards:u32 reserved_tail:z4",
        ("lines", "card_uid:u64 version:u32 blocked:u8 reserved:z3"),
    ),
    0x87: ("BlockListActiveAnswer", MONEY, None),
    0x88: ("CashierOnAnswer", MONEY, None),
    0x89: ("CashierOffAnswer", MONEY, None),
    0x8A: ("ShiftTotalsAnswer", SHIFT, None),
    0x8B: ("ShiftCloseAnswer", SHIFT, None),
    0x8C: (
        "MealPeriodsAnswer",
        "code:u16 action:u8 reserved:z1 parameter_version:u32 count:u16 reserved_tail:z6",
        ("lines", "start_minute:u16 end_minute:u16 period:u8 reserved:z3 name:t64"),
    ),
    0x8E: (
        "TerminalKeyAnswer",
        "code:u16 action:u8 reserved:z1 key_version:u32 wrapped:b16 check_value:b3 reserved_tail:z5",
        None,
    ),
    0x8D: (
        "PriceTableAnswer",
        "code:u16 action:u8 reserved:z1 parameter_version:u32 count:u16 reserved_tail:z6",
        ("lines", "rate:i16 class:u8 period:u8 reserved:z4"),
    ),
    0x90: ("CardDebitAnswer", MONEY, None),
    0x91: ("CodeDebitAnswer", MONEY, None),
    0x92: ("TopUpAnswer", MONEY, None),
    0x93: ("ReversalAnswer", MONEY, None),
    0x96: ("RefundAnswer", MONEY, None),
    0x97: ("VoidAnswer", MONEY, None),
    0x94: ("CardTapAnswer", MONEY + " chip_balance_fen:i64 chip_counter:u32 write:u8 reserved:z3", None),
    0x95: ("TapConfirmAnswer", MONEY, None),
    0x98: ("TopUpUndoAnswer", MONEY, None),
    0x99: ("TenderAnswer", MONEY, None),
    0x9A: ("ScanPayAnswer", MONEY + " confirmation:u32 reserved:z4", None),
    0x9B: ("CodeRevokeAnswer", MONEY, None),
    0x9C: ("PasswordDebitAnswer", MONEY, None),
    0xA0: (
        "BalanceAnswer",
        "code:u16 action:u8 status:u8 account:u32 card_fen:i64 transition_fen:i64 electronic_fen:i64 held_fen:i64"
        " system_fen:i64 record:u64 server_time_ns:u64",
        None,
    ),
    0xA1: (
        "BillAnswer",
        "code:u16 action:u8 reserved:z1 account:u32 next_before:u64 count:u16 reserved_tail:z6",
        ("lines", BILL_LINE),
    ),
    0xA2: ("SaleQueryAnswer", MONEY, None),
    0xA3: (
        "StatementAnswer",
        "code:u16 action:u8 reserved:z1 account:u32 next_before:u64 opening_fen:i64 in_fen:i64 out_fen:i64"
        " closing_fen:i64 count:u16 more:u8 reserved_2:z5 record:u64",
        ("lines", BILL_LINE),
    ),
    0xA5: ("OpenGapsAnswer", "code:u16 action:u8 more:u8 count:u16 reserved:z2 record:u64", ("lines", GAP_LINE)),
    0xA6: (
        "UnconfirmedAnswer",
        "code:u16 action:u8 partial:u8 account:u32 offline_fen:i64 told_fen:i64 offline_sales:u32 missing:u32 told:u32"
        " first_missing:u32 missing_since_ns:u64 missing_before:u32 silent_tills:u32 silent_terminal:u32 reserved:z4"
        " silent_since_ns:u64 record:u64 server_time_ns:u64",
        None,
    ),
    0xA7: (
        "ReprintAnswer",
        "code:u16 action:u8 marks:u8 account:u32 amount_fen:i64 balance_after_fen:i64 record:u64 related_record:u64"
        " time_ns:u64 till_time_ns:u64 card_uid:u64 student:t16 merchant:u32 sequence:u32 epoch:u16 business_date:u16"
        " kind:u8 channel:u8 wallet:u8 reserved:z1",
        None,
    ),
    0xB0: ("BatchAnswer", "batch:u32 count:u16 reserved:z2 server_time_ns:u64", ("lines", BATCH_LINE)),
    0xB1: ("BatchSettleAnswer", "code:u16 action:u8 flags:u8 epoch:u16 reserved:z2 batch:u32 last:u32 record:u64 " + TOTALS, None),
    0xB2: (
        "BatchLinesAnswer",
        "code:u16 action:u8 reserved:z1 equal:u32 count:u16 reserved_tail:z6",
        ("lines", TILL_LINE),
    ),
    0xC0: ("CardIssueAnswer", MONEY, None),
    0xC1: ("CardReplaceAnswer", MONEY, None),
    0xC2: ("CardReturnAnswer", MONEY, None),
    0xC4: ("CardStockAnswer", MONEY, None),
    0xC6: ("ToldPostAnswer", MONEY, None),
    0xC8: ("PasswordSetAnswer", MONEY, None),
    0xC9: ("VirtualBindAnswer", MONEY, None),
    0xCA: ("VirtualUnbindAnswer", MONEY, None),
    0xCB: ("PhoneChangeAnswer", MONEY, None),
    0xCC: ("LossReportAnswer", MONEY, None),
    0xCD: ("LossLiftAnswer", MONEY, None),
    0xC3: ("AccountCloseAnswer", MONEY, None),
    0xE0: ("GapCloseAnswer", MONEY, None),
    0xE1: ("CodeKeyRotateAnswer", MONEY, None),
    0xE2: ("AccountFreezeAnswer", MONEY, None),
    0xE3: ("AccountLimitsAnswer", MONEY, None),
    0xE4: ("AdjustAnswer", MONEY, None),
    0xE5: ("AdjustDecideAnswer", MONEY, None),
    0xE6: (
        "AdjustmentsAnswer",
        "code:u16 action:u8 reserved:z1 count:u16 reserved_2:z2 next_after:u64 server_time_ns:u64",
        ("lines", ADJUSTMENT_LINE),
    ),
    0xE7: ("SubsidyOpenAnswer", MONEY, None),
    0xE8: ("SubsidyLinesAnswer", MONEY, None),
    0xE9: ("SubsidyStepAnswer", MONEY, None),
    0xEA: (
        "SubsidyAnswer",
        "code:u16 action:u8 state:u8 batch:u32 total_fen:i64 claimed_fen:i64 skipped_fen:i64 cleared_fen:i64"
        " withdrawn_fen:i64 lines:u32 uploaded:u32 claimed:u32 skipped:u32 withdrawn:u32 opener:u32 approver:u32"
        " deadline_day:u16 mode:u8 reserved:z1 server_time_ns:u64 title:t96",
        None,
    ),
    0xEB: (
        "SubsidyPreviewAnswer",
        "code:u16 action:u8 reserved:z1 batch:u32 next_account:u32 count:u16 reserved_2:z2 server_time_ns:u64",
        ("lines", "account:u32 amount_fen:u32 withdrawn_fen:u32 state:u8 reserved:z3"),
    ),
    0xEC: ("TerminalKeyRotateAnswer", MONEY, None),
    0xFF: ("Refused", "code:u16 action:u8 flags:u8 offset:u32 value:u64", None),
}
NUMBER = {name: number for number, (name, _, _) in KINDS.items()}

ACTION_RETRY = 1

# What a till says: the sentence of an answer's flags.
VOICES = {
    0: "",
    1: "支付成功",
    2: "充值成功",
    3: "退款成功",
    4: "撤销成功",
    5: "办理成功",
    6: "挂失成功",
    7: "解挂成功",
    8: "签到成功",
    9: "签退成功",
    10: "结算成功",
    11: "请勿移开卡片",
    32: "余额不足",
    33: "卡已挂失",
    34: "卡已过期",
    35: "无效卡",
    36: "付款码无效",
    37: "付款码已失效，请刷新",
    38: "密码错误",
    39: "密码已锁定",
    40: "超出消费限额",
    41: "账户已停用",
    42: "交易已取消，未扣款",
    43: "无法办理",
    44: "等待审批",
    45: "请先上传脱机记录",
    46: "账目不符",
    47: "请稍后重试",
    48: "请联系管理员",
    49: "无权操作",
    50: "超出限额，请输入密码",
}


def spoken(answer):
    """What the till says about an answer that tells an outcome."""
    return VOICES[answer["flags"] >> 1]


INTEGERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i16": "<h", "i64": "<q"}


class WireError(Exception):
    """What came over the wire isn't what the page allows."""


# Layouts -----------------------------------------------------------------------------------------------------


def fields_of(layout):
    for field in layout.split():
        name, form = field.split(":")
        yield name, form, struct.calcsize(INTEGERS[form]) if form in INTEGERS else int(form[1:])


def field_names(layout):
    return [name for name, _, _ in fields_of(layout)]


def size_of(layout):
    return sum(size for _, _, size in fields_of(layout))


def pack(layout, values):
    out = b""
    for name, form, size in fields_of(layout):
        if form in INTEGERS:
            out += struct.pack(INTEGERS[form], values[name])
        elif form[0] == "z":
            out += bytes(size)
        else:
            value = values[name]
            value = value.encode() if isinstance(value, str) else value
            if len(value) > size or (form[0] == "b" and len(value) != size):
                raise WireError(f"{name} doesn't fit {size} bytes")
            out += value.ljust(size, b"\0")
    return out


def unpack(layout, data):
    values, at = {}, 0
    for name, form, size in fields_of(layout):
        part = data[at : at + size]
        at += size
        if len(part) != size:
            raise WireError(f"{name} is cut off")
        if form in INTEGERS:
            (values[name],) = struct.unpack(INTEGERS[form], part)
        elif form[0] == "z":
            if any(part):
                raise WireError(f"{name} must be zero")
        elif form[0] == "t":
            text, _, rest = part.partition(b"\0")
            if any(rest):
                raise WireError(f"{name} isn't closed by zero bytes")
            values[name] = text.decode()
        else:
            values[name] = part
    return values


def pack_body(kind, values):
    _, layout, items = KINDS[kind]
    body = pack(layout, values)
    if items:
        name, item_layout = items
        body += b"".join(item if isinstance(item, bytes) else pack(item_layout, item) for item in values[name])
    return body


def unpack_body(kind, body):
    _, layout, items = KINDS[kind]
    fixed = size_of(layout)
    values = unpack(layout, body[:fixed])
    rest = body[fixed:]
    if items:
        name, item_layout = items
        size = size_of(item_layout)
        if len(rest) != size * values["count"]:
            raise WireError("the count isn't that of the items")
        values[name] = [unpack(item_layout, rest[at : at + size]) for at in range(0, len(rest), size)]
    elif rest:
        raise WireError("bytes behind the body")
    return values


def pack_header(length, kind, ids, version=VERSION, counter=0):
    terminal, epoch, sequence, request_id = ids
    return HEADER.pack(length, MAGIC, version, kind, 0, terminal, sequence, epoch, 0, request_id, counter)


def unpack_header(frame):
    length, magic, version, kind, flags, terminal, sequence, epoch, zero, request_id, counter = HEADER.unpack(
        frame[:HEADER_BYTES]
    )
    if (magic, version, flags, zero) != (MAGIC, VERSION, 0, 0) or kind not in KINDS or length != len(frame):
        raise WireError("the header is wrong")
    return kind, (terminal, epoch, sequence, request_id), counter


def build(kind, ids, values):
    """A frame whose counter and MAC are still zero."""
    body = pack_body(kind, values)
    length = HEADER_BYTES + len(body) + MAC_BYTES
    return pack_header(length, kind, ids) + body + bytes(MAC_BYTES)


# Keys, codes, records ----------------------------------------------------------------------------------------


def cmac(key, message):
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def derive(key, label, number):
    return cmac(key, label + struct.pack("<Q", number))


def terminal_key(master, terminal, version):
    return cmac(master, b"YKtermk1" + struct.pack("<II", terminal, version))


def terminal_tac_key(key, terminal):
    return derive(key, b"YKtermt1", terminal)


def card_key(card_master, uid):
    return derive(card_master, b"YKcardk1", uid)


def issue_code(key, key_id, account, step, nonce):
    mac = cmac(key, struct.pack("<QIBB", step, account, key_id, nonce) + b"PC")
    number = key_id << 64 | account << 38 | (step % 16) << 34 | nonce << 30
    return f"{number | int.from_bytes(mac[:4], 'little') & (1 << 30) - 1:020d}"


def judge_code(key, digits, now_ns):
    """The other side of a code, so that the vectors can be checked."""
    number = int(digits)
    account, low, nonce = number >> 38 & (1 << 26) - 1, number >> 34 & 15, number >> 30 & 15
    now = now_ns // STEP_NS
    for step in range(now + 1, now - 15, -1):
        if step % 16 == low and issue_code(key, number >> 64, account, step, nonce) == digits:
            return "Authentic" if step >= now - 1 else "Expired"
    return "NotAuthentic"


def holder_digest(holder_key, label, text):
    """64 bits of a user id ("YKopenid") or of a phone number ("YKphone1")."""
    return int.from_bytes(cmac(holder_key, label + text.encode())[:8], "little")


def seal_password(password_key, password, salt):
    """A query password for one frame."""
    encryptor = Cipher(algorithms.AES(password_key), modes.ECB()).encryptor()
    return encryptor.update(password.encode() + bytes(2) + salt) + encryptor.finalize()


def unwrap_key(wrapping_key, wrapped, check_value):
    """A terminal's next key, as it came in this session."""
    decryptor = Cipher(algorithms.AES(wrapping_key), modes.ECB()).decryptor()
    key = decryptor.update(wrapped) + decryptor.finalize()
    if cmac(key, bytes(16))[:3] != check_value:
        raise WireError("the wrapped key isn't the one of the check value")
    return key


def scan_key(key, terminal):
    return derive(key, b"YKterms1", terminal)


def scan_mac(key, code, purpose):
    head = struct.pack("<IH2sIIqQ", code["terminal"], code["epoch"], purpose, code["sequence"], 0, code["amount_fen"], code["till_time_s"])
    return cmac(key, head)[:8]


def confirmation(key, code):
    return int.from_bytes(scan_mac(key, code, b"OK"), "little") % 1_000_000


def crc_16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def objects(pairs):
    return "".join(f"{number:02}{len(value):02}{value}" for number, value in pairs)


def scan_text(key, code):
    """What an offline till shows."""
    mac = scan_mac(key, code, b"QR").hex().upper()
    fields = (code["terminal"], code["epoch"], code["sequence"], code["till_time_s"])
    ours = objects([(0, "cn.yika"), *((number, str(field)) for number, field in enumerate(fields, 1)), (5, mac)])
    amount = f"{code['amount_fen'] // 100}.{code['amount_fen'] % 100:02}"
    text = objects([(0, "01"), (1, "12"), (26, ours), (53, "156"), (54, amount), (58, "CN")]) + "6304"
    return text + f"{crc_16(text.encode()):04X}"


def read_objects(text):
    found = {}
    while text:
        number, length = int(text[:2]), int(text[2:4])
        value, text = text[4 : 4 + length], text[4 + length :]
        if len(value) != length or number in found:
            raise WireError("not objects of id, length and value")
        found[number] = value
    return found


def read_scan(text):
    """What a phone reads off a till: the fields of a ScanPay."""
    if f"{crc_16(text[:-4].encode()):04X}" != text[-4:]:
        raise WireError("the code was misread")
    found = read_objects(text)
    ours = read_objects(found[26])
    if (found[0], ours[0], found[53]) != ("01", "cn.yika", "156"):
        raise WireError("not a code of a till of this system")
    yuan, fen = found[54].split(".")
    terminal, epoch, sequence, till_time_s = (int(ours[number]) for number in range(1, 5))
    return {
        "terminal": terminal,
        "epoch": epoch,
        "sequence": sequence,
        "amount_fen": int(yuan) * 100 + int(fen),
        "till_time_s": till_time_s,
        "mac": bytes.fromhex(ours[5]),
    }


def sign_record(record, key):
    unsigned = pack(OFFLINE_RECORD, {**record, "tac": bytes(8)})
    return unsigned[:88] + cmac(key, unsigned[:88])[:8]


# Session -----------------------------------------------------------------------------------------------------


class Direction:
    """The key and the counter of one direction."""

    def __init__(self, key):
        self.key = key
        self.counter = 0

    def seal(self, frame):
        frame = frame[:24] + struct.pack("<Q", self.counter) + frame[32:-MAC_BYTES]
        self.counter += 1
        return frame + cmac(self.key, frame)[:MAC_BYTES]

    def open(self, frame):
        if not hmac.compare_digest(cmac(self.key, frame[:-MAC_BYTES])[:MAC_BYTES], frame[-MAC_BYTES:]):
            raise WireError("the frame's MAC is wrong")
        _, _, counter = unpack_header(frame)
        if counter != self.counter:
            raise WireError(f"the frame's counter is {counter}, the next is {self.counter}")
        self.counter += 1


class Keys:
    """What a transcript gives under a terminal's key."""

    def __init__(self, key, hello, challenge):
        transcript = hello + challenge
        self.till_proof = cmac(key, b"YKprove1" + transcript)
        self.server_proof = cmac(key, b"YKserve1" + transcript)
        self.up = cmac(key, b"YKupkey1" + transcript)
        self.down = cmac(key, b"YKdnkey1" + transcript)
        self.password = derive(self.up, b"YKsespw1", 0)
        self.wrapping = derive(self.down, b"YKseswk1", 0)


def hello_frame(terminal, epoch, nonce, firmware):
    values = {"version_min": 1, "version_max": 1, "nonce": nonce, "firmware": firmware}
    return build(NUMBER["Hello"], (terminal, epoch, 0, 1), values)


def prove_frame(terminal, epoch, proof):
    return build(NUMBER["Prove"], (terminal, epoch, 0, 2), {"proof": proof})


class Refusal(WireError):
    """The server didn't carry the request out."""

    def __init__(self, values):
        super().__init__(f"refused with code {values['code']}")
        self.values = values


class Till:
    def __init__(self, host, port, terminal, key, epoch):
        self.address = (host, port)
        self.terminal, self.key, self.epoch = terminal, key, epoch
        self.request_id = 2
        self.sequence = 0
        self.stream = None

    def read_frame(self):
        start = self.read(7)
        length, magic, version, kind = struct.unpack("<IBBB", start)
        if magic != MAGIC or version != VERSION or kind not in KINDS or not 40 <= length <= FRAME_BYTES_MAX:
            raise WireError("no frame begins so")
        return start + self.read(length - 7)

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.stream.recv(count - len(data))
            if not part:
                raise ConnectionError("the server closed the connection")
            data += part
        return data

    def sign_in(self):
        self.close()
        self.stream = socket.create_connection(self.address, timeout=ANSWER_TIMEOUT_S)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = hello_frame(self.terminal, self.epoch, os.urandom(16), "yika_client.py")
        self.stream.sendall(hello)
        challenge = self.read_frame()
        self.expect(challenge, "Challenge", (self.terminal, self.epoch, 0, 1))
        keys = Keys(self.key, hello, challenge)
        self.up, self.down = Direction(keys.up), Direction(keys.down)
        self.password_key, self.wrapping_key = keys.password, keys.wrapping
        self.stream.sendall(self.up.seal(prove_frame(self.terminal, self.epoch, keys.till_proof)))
        welcome = self.read_frame()
        values = self.expect(welcome, "Welcome", (self.terminal, self.epoch, 0, 2))
        self.down.open(welcome)
        if not hmac.compare_digest(values["proof"], keys.server_proof):
            raise WireError("the server doesn't hold the terminal's key")
        self.sequence = max(self.sequence, values["last_sequence"])
        return values

    def expect(self, frame, name, ids):
        kind, echoed, _ = unpack_header(frame)
        values = unpack_body(kind, frame[HEADER_BYTES:-MAC_BYTES])
        if KINDS[kind][0] == "Refused":
            raise Refusal(values)
        if KINDS[kind][0] != name or echoed != ids:
            raise WireError(f"{KINDS[kind][0]} for {echoed} instead of {name} for {ids}")
        return values

    def seal_password(self, password):
        return seal_password(self.password_key, password, os.urandom(8))

    def next_sequence(self):
        self.sequence += 1
        return self.sequence

    def call(self, name, values, sequence=0):
        """Sends one request and returns its answer's fields."""
        kind = NUMBER[name]
        self.request_id += 1
        ids = (self.terminal, self.epoch, sequence, self.request_id)
        self.stream.sendall(self.up.seal(build(kind, ids, values)))
        while True:
            frame = self.read_frame()
            self.down.open(frame)
            _, echoed, _ = unpack_header(frame)
            if 2 < echoed[3] < self.request_id:
                continue  # an answer that comes too late
            return self.expect(frame, KINDS[kind | 0x80][0], ids)

    def sell(self, name, values, sequence):
        """As `call`, with the page's timers: two retries of the same sequence, in a new session when the old is gone."""
        for pause_s in (*RETRY_PAUSES_S, None):
            try:
                answer = self.call(name, values, sequence)
                if answer["action"] != ACTION_RETRY:
                    return answer
            except Refusal as refusal:
                if refusal.values["action"] != ACTION_RETRY:
                    raise
            except (socket.timeout, ConnectionError):
                if pause_s is not None:
                    time.sleep(pause_s)
                    self.sign_in()
                continue
            if pause_s is not None:
                time.sleep(pause_s)
        raise WireError(f"no outcome for sequence {sequence}")

    def close(self):
        if self.stream:
            self.stream.close()
            self.stream = None


def by_card(uid):
    return {"account_by": 2, "account_value": struct.pack("<Q", uid) + bytes(8)}


def by_account(account):
    return {"account_by": 1, "account_value": struct.pack("<I", account) + bytes(12)}
