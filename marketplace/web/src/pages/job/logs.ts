/** What is kept on the page of a stream, in characters: the end of it. */
export const TAIL = 200_000

/** What a job printed, as far as it is shown. */
export interface Log {
  /** Bytes that came. */
  readonly bytes: number
  /** The last of it. */
  readonly tail: string
  readonly isAttested: boolean
}

export type StreamName = 'stdout' | 'stderr'
export type Logs = ReadonlyMap<string, Log>

export interface Begin {
  readonly leaseId: string
  readonly again: boolean
}

export interface Piece {
  readonly leaseId: string
  readonly stream: StreamName
  readonly offset: number
  readonly data: string
}

const NOTHING: Log = { bytes: 0, tail: '', isAttested: false }
const STREAMS: readonly StreamName[] = ['stdout', 'stderr']

export function keyOf(leaseId: string, stream: StreamName): string {
  return `${leaseId} ${stream}`
}

/** Puts together what the stream of logs tells. Bytes become text piece by piece, so that no letter is cut in two. */
export class LogBook {
  private readonly logs = new Map<string, Log>()
  private readonly decoders = new Map<string, TextDecoder>()

  begin({ leaseId, again }: Begin): void {
    for (const stream of STREAMS) {
      const key = keyOf(leaseId, stream)
      if (again || !this.logs.has(key)) this.reset(key)
    }
  }

  add({ leaseId, stream, offset, data }: Piece): void {
    const key = keyOf(leaseId, stream)
    if (!this.logs.has(key) || offset === 0) this.reset(key)
    const before = this.logs.get(key)!
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
    const fresh = bytes.subarray(Math.max(0, before.bytes - offset)) // a stream that was broken off may tell a piece again
    const text = before.tail + this.decoders.get(key)!.decode(fresh, { stream: true })
    this.logs.set(key, { ...before, bytes: Math.max(before.bytes, offset + bytes.length), tail: text.slice(-TAIL) })
  }

  attest(leaseId: string): void {
    for (const stream of STREAMS) {
      const key = keyOf(leaseId, stream)
      this.logs.set(key, { ...(this.logs.get(key) ?? NOTHING), isAttested: true })
    }
  }

  shown(): Logs {
    return new Map(this.logs)
  }

  private reset(key: string): void {
    this.logs.set(key, NOTHING)
    this.decoders.set(key, new TextDecoder())
  }
}
