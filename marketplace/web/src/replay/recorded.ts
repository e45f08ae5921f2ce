import recorded from '../../../api/answers.json'
import { jsonDigest } from '../protocol/canonical'
import type { Claim } from './replay'
import type { Transcript } from './transcript'

/** A round that the market itself cleared, for tests: the interface's recorded example, which a test there makes anew. */
export function recordedClaim(): Claim {
  const answers = recorded as unknown as Record<string, { answers: { 200: { example: Transcript } } }>
  const transcript = structuredClone(answers['show_transcript']!.answers[200].example)
  return { transcript, digest: jsonDigest(transcript), number: transcript.round }
}
