/**
 * The page with the players, on an origin of its own: nothing it plays comes from there. It speaks HTTPS, since a browser
 * keeps the cookies of another scheme's site from it.
 */

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeCertificate } from '../../support/certificates.ts'

const HTML = 'text/html; charset=utf-8'
const SCRIPT = 'text/javascript; charset=utf-8'
const library = (specifier: string) => fileURLToPath(import.meta.resolve(specifier))
const ours = (name: string) => `${import.meta.dirname}/${name}`

export interface PageServer {
  /** Scheme, host and port. */
  readonly site: string
  close(): Promise<void>
}

export async function startPageServer(): Promise<PageServer> {
  const files = new Map([
    ['/', [HTML, readFileSync(ours('players.html'))] as const],
    ['/players.js', [SCRIPT, readFileSync(ours('players.js'))] as const],
    ['/hls.js', [SCRIPT, readFileSync(library('hls.js/dist/hls.min.js'))] as const],
    ['/dash.js', [SCRIPT, readFileSync('node_modules/dashjs/dist/modern/umd/dash.all.min.js')] as const],
    ['/shaka.js', [SCRIPT, readFileSync('node_modules/shaka-player/dist/shaka-player.compiled.js')] as const],
  ])
  const folder = mkdtempSync(join(tmpdir(), 'segment-shield-page-'))
  const { cert, key } = makeCertificate(undefined, { folder })
  const identity = { cert: readFileSync(cert), key: readFileSync(key) }
  rmSync(folder, { recursive: true })
  const server = createServer(identity, (req, res) => {
    const file = files.get(req.url ?? '')
    if (file === undefined) res.writeHead(204).end()
    else res.writeHead(200, { 'Content-Type': file[0] }).end(file[1])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    site: `https://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
