"""Random orders, and random batches of them to open."""

from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from marketplace.protocol.metering import compute_quote
from tests.contracts.batch import Match, open_args
from tests.contracts.stateful.machine import Machine, lifetimes, maxima, pick, prices, three
from tests.contracts.stateful.parties import Offer
from tests.contracts.world import HOUR, QUOTE


class OpeningRules(Machine):
    """Orders, and opening them."""

    # --- orders, which cost nothing ------------------------------------------------------------------------

    @initialize()
    def start_with_leases(self):
        for index in range(3):
            renter, provider = self.world.renters[index], self.world.providers[index]
            self.bids.append(
                (self.world.bid(renter, deadline=self.time + 500 * HOUR, valid_until=self.time + 500 * HOUR), True)
            )
            self.asks.append((self.world.ask(provider, valid_until=self.time + 500 * HOUR), True, False))
        self.open_all([self.offer(index, index, "middle") for index in range(3)])

    @rule(
        who=st.tuples(three, three),
        replicas=st.sampled_from([1, 1, 2, 3, 0]),
        units=st.sampled_from([1, 2, 3, 0, 20]),
        limits=st.tuples(maxima, maxima),
        due=lifetimes,
        valid=st.tuples(lifetimes, lifetimes),
        odd_bid=st.sampled_from([None] * 9 + ["market", "signature", "verification", "settlement", "ahead", "old"]),
        odd_ask=st.sampled_from([None] * 6 + ["market", "signature", "agent", "agent", "agent"]),
        price=prices,
    )
    def rule_open_odd_orders(self, who, replicas, units, limits, due, valid, odd_bid, odd_ask, price):
        """A bid and an ask of which something may be wrong; they stay for `rule_open`."""
        changes = {
            "market": {"market": self.stranger},
            "verification": {"verification": 4},
            "settlement": {"settlement": 1},
            "ahead": {"salt": 160 + len(self.bids)},
            "old": {"salt": 1},
        }.get(odd_bid, {})
        bid = self.world.bid(
            self.world.renters[who[0]],
            replicas=replicas,
            max_price=limits[0],
            deadline=self.time + due,
            valid_until=self.time + valid[0],
            **changes,
        )
        ask = self.world.ask(
            self.world.providers[who[1]],
            units=units,
            minimum_charge=min(limits[1], 10**6),
            market=self.stranger if odd_ask == "market" else self.world.operator.address,
            valid_until=self.time + valid[1],
        )
        self.bids.append((bid, odd_bid != "signature"))
        self.asks.append((ask, odd_ask != "signature", odd_ask == "agent"))
        self.open_all([self.offer(len(self.bids) - 1, len(self.asks) - 1, price)])

    def offer(self, bid_pick, ask_pick, price):
        """A match of two orders that were placed."""
        bid, bid_signed = self.bids[bid_pick % len(self.bids)]
        ask, ask_signed, by_agent = self.asks[ask_pick % len(self.asks)]
        quote = compute_quote(ask.rates, bid.resources).total
        chosen = {
            "quote": quote,
            "below": quote - 1,
            "middle": (quote + bid.max_price) // 2,
            "maximum": bid.max_price,
            "above": bid.max_price + 1,
        }[price]
        return Offer(bid, ask, chosen, bid_signed, ask_signed, by_agent)

    def match(self, offer):
        """The same as the contract takes it; where a signature must not hold, the treasury gave it."""
        treasury = self.world.treasury.address
        renter = offer.bid.renter if offer.bid_signed else treasury
        provider = offer.ask.agent if offer.ask_by_agent else offer.ask.provider
        sign = self.world.sign
        ask_signature = sign(offer.ask, provider if offer.ask_signed else treasury)
        return Match(
            offer.bid, offer.ask, offer.price, "0x" + sign(offer.bid, renter).hex(), "0x" + ask_signature.hex()
        )

    def open_all(self, offers, number=None):
        """Open offers in groups from a number, by default the lowest that is free for two."""
        if number is None:
            free = (each for each in range(1, 1_000) if not self.is_open(each) and not self.is_open(each + 1))
            number = next(free)
        arguments = open_args([self.match(offer) for offer in offers], number)
        sent = self.both("open", (number, offers), self.world.operator, self.world.escrow.open, *arguments)
        if sent.error is None:
            skipped = [log.values for log in self.chain.logs(sent.logs) if log.name == "MatchSkipped"]
            assert [(each["index"], each["reason"]) for each in skipped] == self.answer

    def is_open(self, number):
        """Whether a group of this number has open leases."""
        return number in self.model.groups and self.model.groups[number].is_open

    @rule(
        renter=three,
        replicas=st.integers(1, 3),
        shift=three,
        chosen=st.lists(prices, min_size=3, max_size=3),
        maximum=maxima,
        due=lifetimes,
        ascending=st.sampled_from([True] * 7 + [False]),
        ahead=st.sampled_from([0] * 8 + [139, 142, 143, 144, 145, 150, 300]),
    )
    def rule_open_new_orders(self, renter, replicas, shift, chosen, maximum, due, ascending, ahead):
        """A fresh bid, all its replicas at once with fresh asks: most of these succeed, whatever came before."""
        account = self.world.renters[renter]
        if ahead:  # of the lowest salt that is not void: what moves the window, and what just does not
            self.world.salts[account.address] = count(max(self.model.renters[account.address].base + ahead, 1))
        bid = self.world.bid(account, deadline=self.time + due, replicas=replicas, max_price=maximum)
        self.bids.append((bid, True))
        offers = []
        places = [(index + shift) % 3 for index in range(replicas)]
        ordered = sorted(places, key=lambda place: int(self.providers[place], 16), reverse=not ascending)
        for place, price in zip(ordered, chosen, strict=False):
            self.asks.append((self.world.ask(self.world.providers[place], units=20), True, False))
            offers.append(self.offer(len(self.bids) - 1, len(self.asks) - 1, price))
        self.open_all(offers)

    @rule(
        choices=st.lists(st.tuples(pick, pick, prices), min_size=1, max_size=4),
        number=st.sampled_from([None, None, None, 1, 2]),
    )
    def rule_open(self, choices, number):
        self.open_all([self.offer(*choice) for choice in choices], number)

    @precondition(lambda self: self.calls % 40 == 20)
    @rule(provider=three, leases=st.integers(31, 35))
    def rule_open_more_than_a_group(self, provider, leases):
        ask = self.world.ask(self.world.providers[provider], units=100)
        bids = [
            self.world.bid(self.world.renters[index % 3], deadline=self.time + 400 * HOUR) for index in range(leases)
        ]
        self.open_all([Offer(bid, ask, QUOTE) for bid in bids])
