/**
 * A TCP port for a program that has to be told its port before it starts, and keeps it when it is restarted.
 *
 * The invariant: no two holders anywhere on this machine have the same port at the same time. The number is taken from
 * below the range the kernel hands out by itself, so that nobody's port 0 lands on it while its program is down, and it
 * is guarded by a Unix socket in Linux's abstract namespace, which vanishes with the process that holds it.
 */
import { randomInt } from 'node:crypto'
import { createServer, type ListenOptions, type Server } from 'node:net'

const FIRST_PORT = 20_000
const LAST_PORT = 31_999
const ATTEMPTS = 100

export interface ClaimedPort {
  readonly port: number
  release(): void
}

/** Claims a port on which nothing listens on 127.0.0.1. The claim does not keep the process alive. */
export async function claimPort(): Promise<ClaimedPort> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1)
    const guard = await tryListen({ path: `\0segment-shield-test-port-${port}` })
    if (guard === undefined) continue
    const probe = await tryListen({ host: '127.0.0.1', port })
    if (probe === undefined) {
      guard.close()
      continue
    }
    await new Promise((resolve) => probe.close(resolve))
    return { port, release: () => void guard.close() }
  }
  throw new Error(`no free port from ${FIRST_PORT} to ${LAST_PORT} in ${ATTEMPTS} attempts`)
}

function tryListen(options: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer().unref()
    // Whatever the reason, an address that cannot be listened on is not free for us.
    server.once('error', () => resolve(undefined))
    server.listen(options, () => resolve(server))
  })
}
