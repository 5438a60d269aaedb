/** A program whose shields do not start, which sees why, and then just comes to its end. */
import { ConfigError, createShield, StartError } from 'segment-shield'

const [taken] = process.argv.slice(2)
const config = {
  listen: [{ address: '127.0.0.1:0' }, { address: taken }],
  admin: { address: '127.0.0.1:0' },
  origins: { packager: { type: 'http', url: 'http://127.0.0.1:9' } },
  routes: [{ match: '/**', origin: 'packager' }],
}
const log = { write: () => undefined }

async function nameOf(starting) {
  try {
    await starting
    return 'none'
  } catch (error) {
    if (error instanceof ConfigError) return `ConfigError ${error.problems[0].path}`
    if (error instanceof StartError) return 'StartError'
    return String(error)
  }
}

const names = [
  await nameOf(createShield({ ...config, cache: { memory: 'much' } }, { log })),
  await nameOf(createShield(config, { log, gracMs: 1 })),
  await nameOf(createShield(config, { log })),
  await nameOf(createShield(config, { log, signal: AbortSignal.abort('not now') })),
]
process.stderr.write(JSON.stringify(names))
