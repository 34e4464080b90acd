-- One debit. KEYS: the account's balance, the till's journal. ARGV: the sequence, the amount in fen.
-- Gives the balance after it; -1 for a sequence that was there before, -2 for too little money, -3 for no account.
local balance = tonumber(redis.call('GET', KEYS[1]))
if not balance then return -3 end
local after = balance - ARGV[2]
if after < 0 then return -2 end
if redis.call('HSETNX', KEYS[2], ARGV[1], KEYS[1] .. ':' .. ARGV[2] .. ':' .. after) == 0 then return -1 end
redis.call('DECRBY', KEYS[1], ARGV[2])
return after
