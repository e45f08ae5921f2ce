"""Keys of private jobs, and of oracles, as rows."""

from sqlmodel import Session, col, select

from marketplace.adapters.store.tables_evidence import KeyGrantRow, KeyOfferRow
from marketplace.domain.grants import GrantRecord, OfferRecord
from marketplace.protocol.privacy import KeyGrant, KeyOffer


class Grants:
    """One for each job, holder and signer: the newest."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, record: GrantRecord) -> None:
        row = KeyGrantRow(
            job_id=record.grant.job_id,
            holder=record.grant.holder,
            signer=record.signer,
            grant=record.grant.to_json(),
            signature=record.signature,
            ciphertext=record.ciphertext,
            received_at=record.received_at,
        )
        self._session.merge(row)
        self._session.flush()

    def of_job(self, job_id: str) -> list[GrantRecord]:
        query = select(KeyGrantRow).where(KeyGrantRow.job_id == job_id).order_by(col(KeyGrantRow.received_at))
        return [
            GrantRecord(KeyGrant.parse(row.grant), row.signer, row.signature, row.ciphertext, row.received_at)
            for row in self._session.exec(query)
            if "grantedAt" in row.grant  # signed before grants had a time: good for nobody any more
        ]

    def put_offer(self, record: OfferRecord) -> None:
        oracle = record.offer.oracle
        self._session.merge(KeyOfferRow(oracle=oracle, offer=record.offer.to_json(), signature=record.signature))
        self._session.flush()

    def offers(self) -> list[OfferRecord]:
        rows = self._session.exec(select(KeyOfferRow).order_by(col(KeyOfferRow.oracle)))
        # One signed before offers named a sandbox is left aside: its oracle says it anew every ten minutes.
        named = (row for row in rows if "sandboxDigest" in row.offer)
        return [OfferRecord(KeyOffer.parse(row.offer), row.signature) for row in named]
