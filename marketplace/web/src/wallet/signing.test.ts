import { stringToHex, type EIP1193Provider } from 'viem'
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts'
import { expect, test } from 'vitest'

import { signText, signTyped, type Signer, type Typed } from './signing'

const ACCOUNT = privateKeyToAccount(generatePrivateKey())
const OTHER = privateKeyToAccount(generatePrivateKey())
const TYPED: Typed = {
  domain: { name: 'ComputeHive', version: '1', chainId: 1337, verifyingContract: `0x${'ee'.repeat(20)}` },
  types: { Cancel: [{ name: 'signer', type: 'address' }, { name: 'salt', type: 'uint64' }] },
  primaryType: 'Cancel',
  message: { signer: ACCOUNT.address, salt: 7n },
}

/** A wallet that answers each question with what `answer` makes of the message. */
function signerOf(answer: (text: string) => unknown): Signer {
  const request = async ({ params }: { params: [string, string] }) => answer(params[1])
  return { provider: { request } as unknown as EIP1193Provider, account: ACCOUNT.address, chainId: 1337 }
}

const signedBy = (account: typeof ACCOUNT) => () => account.signTypedData(TYPED as never)

test('what the wallet is asked to sign names the domain, so that it is for this contract alone', async () => {
  let asked = ''
  await signTyped(signerOf((text) => ((asked = text), signedBy(ACCOUNT)())), TYPED, null)
  const { domain, types } = JSON.parse(asked)
  expect(domain).toEqual(TYPED.domain)
  expect(types.EIP712Domain.map((field: { name: string }) => field.name)).toEqual(['name', 'version', 'chainId', 'verifyingContract'])
})

test('a signature of the account is taken', async () => {
  await expect(signTyped(signerOf(signedBy(ACCOUNT)), TYPED, null)).resolves.toMatch(/^0x[0-9a-f]{130}$/)
})

test.each([
  ['of another account', signedBy(OTHER)],
  ['of another message', () => ACCOUNT.signTypedData({ ...TYPED, message: { ...TYPED.message, salt: 8n } } as never)],
  ['that is none', () => 'signed!'],
  ['that is empty', () => '0x'],
  ['that is nothing', () => null],
])('a signature %s is not', async (_, answer) => {
  await expect(signTyped(signerOf(answer), TYPED, null)).rejects.toThrow('no signature of this account')
})

test("a contract's signature is what its own chain says of it", async () => {
  const signer = signerOf(() => '0xabcdef')
  await expect(signTyped(signer, TYPED, { verifyTypedData: async () => true })).resolves.toBe('0xabcdef')
  await expect(signTyped(signer, TYPED, { verifyTypedData: async () => false })).rejects.toThrow('no signature')
})

test('a declined signature says that nothing was signed', async () => {
  const declined = () => {
    throw Object.assign(new Error('no'), { code: 4001 })
  }
  await expect(signTyped(signerOf(declined), TYPED, null)).rejects.toThrow('You declined this in your wallet. Nothing was signed.')
})

const TEXT = 'Sign in — to the market'

function readerOf(answer: () => unknown, seen: unknown[] = []): Signer {
  const request = async ({ method, params }: { method: string; params: unknown[] }) => (seen.push(method, ...params), answer())
  return { provider: { request } as unknown as EIP1193Provider, account: ACCOUNT.address, chainId: 1337 }
}

test('a text is given to the wallet as its UTF-8 bytes, before the account', async () => {
  const seen: unknown[] = []
  await signText(readerOf(() => ACCOUNT.signMessage({ message: TEXT }), seen), TEXT, null)
  expect(seen).toEqual(['personal_sign', stringToHex(TEXT), ACCOUNT.address])
})

test.each([
  ['of another account', () => OTHER.signMessage({ message: TEXT })],
  ['of another text', () => ACCOUNT.signMessage({ message: 'Sign in' })],
  ['that is none', () => 'signed!'],
])('a signature of a text %s is not taken', async (_, answer) => {
  await expect(signText(readerOf(answer), TEXT, null)).rejects.toThrow('no signature of this account')
})

test("a contract's signature of a text is what its own chain says of it", async () => {
  const signer = readerOf(() => '0xabcdef')
  await expect(signText(signer, TEXT, { verifyMessage: async () => true })).resolves.toBe('0xabcdef')
  await expect(signText(signer, TEXT, { verifyMessage: async () => false })).rejects.toThrow('no signature')
})
