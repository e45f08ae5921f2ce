import { replay, type Claim } from './replay'

/** Off the page's thread: thousands of signatures take seconds. */
self.addEventListener('message', (event: MessageEvent<Claim>) => void run(event.data))

async function run(claim: Claim): Promise<void> {
  for await (const step of replay(claim)) self.postMessage(step)
  self.postMessage({ kind: 'end' })
}
