//! By which way money moved, and which wallet it touched: small numbers shared by wire, log and reports.

macro_rules! numbered {
    ($(#[$type_doc:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)* }) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $type {
            $($(#[$doc])* $name = $number,)*
        }

        impl $type {
            /// Every value, by number.
            pub const ALL: &'static [$type] = &[$($type::$name,)*];

            /// The value with this number, if there is one.
            pub const fn from_number(number: u8) -> Option<$type> {
                match number {
                    $($number => Some($type::$name),)*
                    _ => None,
                }
            }

            /// The number on the wire and in the log.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The name as it stands in reports and JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$name => $text,)*
                }
            }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// By which way money moved.
    Channel {
        /// A card tapped on a till that was online.
        Card = 1, "card";
        /// A payment code shown to a till.
        Code = 2, "code";
        /// A sale that a till stored while offline and uploaded later.
        Offline = 3, "offline";
        /// What an offline till showed, paid by phone.
        Scan = 4, "scan";
        /// Paid in, or paid at a till, through WeChat Pay.
        WeChatPay = 10, "wechat-pay";
        /// Paid in, or paid at a till, through Alipay.
        Alipay = 11, "alipay";
        /// Paid in at a service counter.
        Counter = 12, "counter";
        /// Brought in by an import.
        Import = 13, "import";
        /// Posted by an operator.
        Operator = 20, "operator";
    }
}

impl Channel {
    /// True for the channels that a top-up request may name.
    pub const fn is_top_up(self) -> bool {
        matches!(self, Channel::WeChatPay | Channel::Alipay | Channel::Counter)
    }

    /// True for the channels that a customer may pay through at a till, past any account here.
    pub const fn is_tender(self) -> bool {
        matches!(self, Channel::WeChatPay | Channel::Alipay)
    }
}

numbered! {
    /// A wallet of an account.
    Wallet {
        /// The card wallet (卡余额): taps.
        Card = 1, "card";
        /// The transition wallet (过渡余额): codes and phone, at most zero.
        Transition = 2, "transition";
        /// The electronic wallet (电子账户): top-ups.
        Electronic = 3, "electronic";
    }
}

numbered! {
    /// Why a till undoes a sale.
    ReversalReason {
        /// No answer came, through all retries.
        NoAnswer = 1, "no-answer";
        /// The card left the reader before it was written.
        CardNotWritten = 2, "card-not-written";
        /// The cashier took the sale back.
        Cashier = 3, "cashier";
    }
}
