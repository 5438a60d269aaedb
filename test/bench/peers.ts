/**
 * nginx and Varnish in front of the same origin, as their manuals have them for this job: one worker, a cache in
 * memory, one fetch for many. Configurations are made here; the programs are Debian's, where installed.
 */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerProcess } from './processes.ts'

export interface Peer {
  readonly name: string
  start(originPort: number): Promise<ServerProcess>
}

/** The peers that are installed, and the names of those that are not. */
export function findPeers(): { readonly peers: readonly Peer[]; readonly missing: readonly string[] } {
  const all: readonly (Peer & { readonly program: string })[] = [
    { name: 'nginx', program: 'nginx', start: startNginx },
    { name: 'Varnish', program: 'varnishd', start: startVarnish },
  ]
  const isInstalled = ({ program }: { program: string }) => spawnSync(program, ['-V']).error === undefined
  return {
    peers: all.filter(isInstalled),
    missing: all.filter((peer) => !isInstalled(peer)).map(({ name }) => name),
  }
}

async function startNginx(originPort: number): Promise<ServerProcess> {
  return startPeer('nginx', (folder, port) => {
    mkdirSync(join(folder, 'cache'))
    const file = join(folder, 'nginx.conf')
    writeFileSync(
      file,
      `daemon off; worker_processes 1; user root; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/temp;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=segments:16m max_size=512m inactive=1h use_temp_path=off;
  upstream origin { server 127.0.0.1:${originPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache segments; proxy_cache_valid 200 1h; proxy_cache_lock on;
    }
  }
}
`,
    )
    return ['nginx', '-p', folder, '-c', file, '-e', join(folder, 'error.log')]
  })
}

async function startVarnish(originPort: number): Promise<ServerProcess> {
  return startPeer('varnishd', (folder, port) => [
    'varnishd',
    '-F',
    ...['-j', 'none', '-n', join(folder, 'varnish'), '-s', 'malloc,512m', '-p', 'default_ttl=3600'],
    ...['-p', 'thread_pool_min=600', '-p', 'thread_pools=1'],
    ...['-a', `127.0.0.1:${port}`, '-b', `127.0.0.1:${originPort}`],
  ])
}

/** Starts a program that `prepare` names with its arguments, given a folder of its own and a port to listen on. */
export async function startPeer(
  name: string,
  prepare: (folder: string, port: number) => string[],
): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), `segment-shield-bench-${name}-`))
  const port = await freePort()
  const [program = name, ...args] = prepare(folder, port)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`${name} ended:\n${printed}`)
  }
  return {
    port,
    pid: child.pid ?? 0,
    output: () => printed,
    close: async () => {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50)) // not yet: look again a little later
    return false
  } finally {
    socket.destroy()
  }
}
