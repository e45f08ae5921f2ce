// The test wallet of `hive dev`: announces itself (EIP-6963), asks the person, has `hive dev` sign with local keys.
// Loaded before the dApp, by the pages of `hive dev` alone.
{
  const { chainId, accounts, market } = JSON.parse(document.currentScript.dataset.known)
  const NAME = 'Test wallet, local chain only'
  const CHOSEN = 'dev-wallet.account'
  const MARKET = 'dev-wallet.market'
  const SETTINGS = 'computehive.settings'
  const ICON =
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'><path d='M2 2h16v16H2z' fill='%236a3fb5'/><path d='M8 4v5l-4 7h12l-4-7V4' fill='none' stroke='white' stroke-width='2'/></svg>"

  // Every market of `hive dev` is a new one: what the browser kept of another at this address is about nothing.
  const instance = JSON.stringify([market, accounts])
  if (localStorage.getItem(MARKET) !== instance) {
    localStorage.clear()
    localStorage.setItem(MARKET, instance)
    localStorage.setItem(SETTINGS, JSON.stringify({ marketUrl: market }))
  }

  const listeners = {}
  const tell = (event, value) => listeners[event]?.forEach((listener) => listener(value))
  const failure = (code, message) => Object.assign(new Error(message), { code })
  const declined = () => failure(4001, 'User rejected the request.')
  const connected = () => Object.values(accounts).filter((address) => address === localStorage.getItem(CHOSEN))

  async function ask(what, method, params) {
    const response = await fetch('./dev-wallet', { method: 'POST', body: JSON.stringify({ ask: what, method, params }) })
    if (!response.ok) throw failure(4900, 'hive dev refused this.')
    const { result, error } = await response.json()
    if (error) throw failure(error.code, error.message)
    return result
  }

  function element(tag, { text, ...attributes } = {}, ...children) {
    const made = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
    if (text !== undefined) made.textContent = text
    made.append(...children)
    return made
  }

  // One window after the other, as wallets do.
  let last = Promise.resolve()
  function show(title, yes, ...content) {
    const next = last.then(() => open(title, yes, ...content))
    last = next.catch(() => {})
    return next
  }

  function open(title, yes, ...content) {
    const form = element('form', { method: 'dialog' }, element('h2', { id: 'dev-wallet-title', text: title }), ...content)
    form.append(
      element('div', { class: 'answers' }, element('button', { value: 'no', text: 'Decline' }), element('button', { value: 'yes', text: yes })),
    )
    const dialog = element('dialog', { class: 'dev-wallet', 'aria-labelledby': 'dev-wallet-title' }, element('p', { class: 'mark', text: NAME }), form)
    document.body.append(dialog)
    dialog.showModal()
    return new Promise((accept, refuse) => {
      dialog.addEventListener('close', () => {
        const data = new FormData(form)
        dialog.remove()
        if (dialog.returnValue === 'yes') accept(data)
        else refuse(declined())
      })
    })
  }

  async function choose() {
    const now = connected()[0] ?? Object.values(accounts)[0]
    const choices = Object.entries(accounts).map(([name, address]) => {
      const radio = element('input', { type: 'radio', name: 'account', value: address })
      radio.checked = address === now
      return element('label', {}, radio, element('span', { text: name }), element('code', { text: address }))
    })
    const given = await show('Connect to this page', 'Connect', element('fieldset', {}, element('legend', { text: 'Play as' }), ...choices))
    localStorage.setItem(CHOSEN, given.get('account'))
    tell('accountsChanged', connected())
    return connected()
  }

  async function sign(title, yes, method, params, account) {
    const [name] = Object.entries(accounts).find(([, address]) => connected().includes(address) && address.toLowerCase() === String(account).toLowerCase()) ?? []
    if (!name) throw failure(4100, 'The test wallet is not connected with this account.')
    const fields = [['by', `${name} ${account}`], ...(await ask('describe', method, params))]
    // A list that may have to be scrolled must be within reach of the keyboard.
    const list = element('dl', { tabindex: '0', 'aria-label': 'What it says' }, ...fields.flatMap(([name, value]) => [element('dt', { text: name }), element('dd', { text: value })]))
    await show(title, yes, list)
    return ask('answer', method, params)
  }

  function goTo([wanted]) {
    if (Number(wanted?.chainId) !== chainId) throw failure(4902, 'The test wallet is for its local chain alone.')
    return null
  }

  const handlers = {
    eth_accounts: connected,
    eth_chainId: () => `0x${chainId.toString(16)}`,
    net_version: () => String(chainId),
    eth_requestAccounts: choose,
    wallet_switchEthereumChain: goTo,
    wallet_addEthereumChain: goTo,
    eth_signTypedData_v4: (params) => sign('Sign this message?', 'Sign', 'eth_signTypedData_v4', params, params[0]),
    personal_sign: (params) => sign('Sign this text?', 'Sign', 'personal_sign', params, params[1]),
    eth_sendTransaction: (params) => sign('Send this transaction?', 'Send', 'eth_sendTransaction', params, params[0]?.from),
  }
  const provider = {
    request: async ({ method, params = [] }) => (Object.hasOwn(handlers, method) ? handlers[method](params) : ask('answer', method, params)),
    on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
    removeListener: (event, listener) => listeners[event]?.delete(listener),
  }
  const detail = Object.freeze({ info: { uuid: crypto.randomUUID(), name: NAME, icon: ICON, rdns: 'local.computehive.dev' }, provider })
  const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
  window.addEventListener('eip6963:requestProvider', announce)
  announce()
}
