import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'

import { useSession } from '../../app/context'
import { isName, parseVersion, readRelease, type Release } from '../../chain/modules'
import { OnChain, type Reached } from '../../chain/OnChain'
import { awayProblem, problemOf } from '../../market/problem'
import { Loaded } from '../../ui/states'
import { Hash } from '../../ui/values'
import { digestOf, type Blob256 } from '../../orders/spec'

/** A release with its bytes, as far as the market has them. */
export interface Taken {
  readonly uri: string
  readonly release: Release
  readonly file: Blob256 | null
  /** Why they are not there. */
  readonly lack: string | null
}

interface Props {
  name: string
  version: string
  children: (taken: Taken) => ReactNode
}

const SECONDS = 60

/** What `chain://name@version` stands for by the registry itself; its bytes are the market's, if they have that digest. */
export function FromRegistry({ name, version, children }: Props): ReactNode {
  if (!isName(name) || !parseVersion(version)) return <p role="alert">That is no module’s name and version. An example: chain://word-count@1.4.0</p>
  return <OnChain>{(registry) => <Resolved registry={registry} name={name} version={version} children={children} />}</OnChain>
}

function Resolved({ registry: { book, node }, name, version, children }: Props & { registry: Reached }): ReactNode {
  const { marketUrl } = useSession()
  const uri = `chain://${name}@${version}`
  const found = useQuery({
    queryKey: ['release', uri, book, node.transport['url'], marketUrl],
    queryFn: async (): Promise<Taken> => {
      const release = await readRelease(node, book, name, version)
      return fetchBytes(marketUrl, `${name}.wasm`, release.digest).then(
        (file) => ({ uri, release, file, lack: file ? null : 'The market has no copy of its bytes.' }),
        (thrown: Error) => ({ uri, release, file: null, lack: thrown.message }),
      )
    },
    staleTime: Infinity,
    retry: false,
  })
  return (
    <Loaded query={found} what={uri} lines={6}>
      {children}
    </Loaded>
  )
}

/** The bytes of a digest; null where the market does not have them. Throws Problem, and Error where they are others. */
async function fetchBytes(marketUrl: string, path: string, digest: Release['digest']): Promise<Blob256 | null> {
  const answer = await fetch(`${marketUrl}/api/v1/blobs/${digest}`, { signal: AbortSignal.timeout(SECONDS * 1000) }).catch(() => {
    throw awayProblem(marketUrl)
  })
  if (answer.status === 404) return null
  if (!answer.ok) throw problemOf(await answer.json().catch(() => null), answer.status)
  const bytes = new Uint8Array(await answer.arrayBuffer())
  if ((await digestOf(bytes)) !== digest) throw new Error('The market gave other bytes than the registry names. They were not taken.')
  return { path, digest, bytes }
}

/** Which module it is that is about to run. */
export function Named({ taken: { uri, release, file, lack } }: { taken: Taken }): ReactNode {
  return (
    <>
      <p>
        <code>{uri}</code>, published by <Hash value={release.publisher} label="publisher's address" />, SHA-256 <Hash value={release.digest} label="digest" />.
      </p>
      {release.isDeprecated ? <p role="alert">It is deprecated: {release.warning}</p> : null}
      {file ? null : <p role="alert">{lack} Choose the file yourself: its digest is compared.</p>}
    </>
  )
}
