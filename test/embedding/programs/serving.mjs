/**
 * A program with two shields in it, which uses all of them that could keep it alive, and then just comes to its end.
 * What it saw goes to standard error, as JSON; standard output is left to the first shield's log.
 */
import { createHash } from 'node:crypto'
import { createShield } from 'segment-shield'

const { endpoint, bucket, peer, key } = JSON.parse(process.argv[2])
const store = { type: 's3', endpoint, region: 'sfo3', bucket, forcePathStyle: true, credentials: { anonymous: true } }
const config = {
  listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0' }],
  admin: { address: '127.0.0.1:0' },
  limits: { perClient: { requestsPerSecond: 1000 }, bytesPerSecond: '1GiB' },
  origins: {
    sdk: { ...store, hedge: { after: '5s' } },
    undici: { ...store, transport: 'undici' },
    http: { type: 'http', url: peer },
  },
  routes: [
    { match: '/passed/**', passthrough: peer },
    { match: '/http/**', origin: 'http', stripPrefix: '/http' },
    { match: '/undici/**', origin: 'undici', stripPrefix: '/undici' },
    { match: '/**', origin: ['sdk', 'undici'], responseHeaders: { 'X-Note': `\${NOTE}` } },
  ],
}

const listeners = () => process.eventNames().map((name) => [String(name), process.listenerCount(name)])
const before = listeners()
const lines = []

const shield = await createShield(config, { env: { NOTE: 'first' } })
const beside = await createShield(
  { ...config, log: { level: 'trace' } },
  { log: { write: (line) => lines.push(line) } },
)
const during = listeners()

const port = shield.addresses[1].port
const ask = async (path, at = port) => {
  const answer = await fetch(`http://127.0.0.1:${at}${path}`)
  const bytes = Buffer.from(await answer.arrayBuffer())
  return {
    status: answer.status,
    note: answer.headers.get('x-note'),
    length: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
}
const seen = {
  first: await ask(`/${key}`),
  undici: await ask(`/undici/${key}`),
  http: (await ask(`/http/${bucket}/${key}`)).sha256,
  passed: (await ask(`/passed/${key}`)).status,
  beside: await ask(`/${key}`, beside.addresses[0].port),
  metrics: (await ask('/metrics', shield.admin.port)).status,
  page: await Promise.all(
    ['/', '/dashboard/main.js', '/dashboard/dashboard.css', '/dashboard/uPlot.esm.js'].map(
      async (path) => (await ask(path, shield.admin.port)).status,
    ),
  ),
}
const refused = await shield.reload({ ...config, cache: { memroy: '1GiB' } })
const unchanged = await ask(`/${key}`)
const { kind } = await shield.reload({ ...config, routes: [{ match: '/**', origin: 'sdk' }] })
const reloaded = await ask(`/${key}`)
await Promise.all([shield.close(), shield.close(), beside.close()])

process.on('beforeExit', () => {
  const outcome = { ...seen, reasons: refused.reasons, unchanged, kind, reloaded, before, during, lines: lines.length }
  process.stderr.write(JSON.stringify(outcome), () => process.removeAllListeners('beforeExit'))
})
