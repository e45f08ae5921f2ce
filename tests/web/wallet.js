// Announces wallets (EIP-6963) whose keys and decisions are in the test process, behind __wallet.
(wallets) => {
  for (const { id, name, icon } of wallets) {
    const listeners = {}
    const provider = {
      request: async ({ method, params }) => {
        const { result, error } = JSON.parse(await window.__wallet(JSON.stringify({ id, method, params: params ?? [] })))
        if (error) throw Object.assign(new Error(error.message), { code: error.code })
        return result
      },
      on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
      removeListener: (event, listener) => listeners[event]?.delete(listener),
    }
    window.__tell ??= {}
    window.__tell[id] = (event, value) => listeners[event]?.forEach((listener) => listener(value))
    const detail = Object.freeze({ info: { uuid: crypto.randomUUID(), name, icon, rdns: id }, provider })
    const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
    window.addEventListener('eip6963:requestProvider', announce)
    announce()
  }
}
