/**
 * nginx, Varnish and Apache Traffic Server in front of the same origin, as their manuals have them for this job: one
 * worker, a cache of the same size, one fetch for many, no access log. Configurations are made here; the programs are
 * Debian's, where installed.
 *
 * nginx caches in files, which the system keeps in its own memory: that is not part of nginx's resident bytes.
 */

import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '../support/programs.ts'
import { freePort, isListening } from './ports.ts'
import { endProcess, endWithUs, makeFolder, removeFolder, type ServerProcess } from './processes.ts'
import { prepareTrafficServer } from './traffic-server.ts'

export interface Peer {
  readonly name: string
  readonly program: string
  start(originPort: number): Promise<ServerProcess>
}

/** Bodies that each of them, and the shield beside them, may keep. */
export const MEMORY_MEBIBYTES = 512

/** The peers that are installed, and the names of those that are not. */
export function findPeers(): { readonly peers: readonly Peer[]; readonly missing: readonly string[] } {
  const all: readonly Peer[] = [
    { name: 'nginx', program: 'nginx', start: startNginx },
    { name: 'Varnish', program: 'varnishd', start: startVarnish },
    { name: 'Traffic Server', program: 'traffic_server', start: startTrafficServer },
  ]
  return {
    peers: all.filter(({ program }) => findProgram(program) !== undefined),
    missing: all.filter(({ program }) => findProgram(program) === undefined).map(({ name }) => name),
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
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=segments:16m max_size=${MEMORY_MEBIBYTES}m inactive=1h use_temp_path=off;
  upstream origin { server 127.0.0.1:${originPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache segments; proxy_cache_valid 200 1h; proxy_cache_lock on; proxy_force_ranges on;
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
    ...['-j', 'none', '-n', join(folder, 'varnish'), '-s', `malloc,${MEMORY_MEBIBYTES}m`, '-p', 'default_ttl=3600'],
    ...['-p', 'thread_pool_min=600', '-p', 'thread_pools=1'],
    ...['-a', `127.0.0.1:${port}`, '-b', `127.0.0.1:${originPort}`],
  ])
}

async function startTrafficServer(originPort: number): Promise<ServerProcess> {
  return startPeer('traffic_server', (folder, port) =>
    prepareTrafficServer(folder, {
      port,
      originPort,
      // What is only on disk is read from there: the memory is what counts here, and the disk is no smaller.
      storageMegabytes: MEMORY_MEBIBYTES,
      records: [
        'CONFIG proxy.config.exec_thread.autoconfig INT 0',
        'CONFIG proxy.config.exec_thread.limit INT 1',
        'CONFIG proxy.config.accept_threads INT 0',
        'CONFIG proxy.config.task_threads INT 1',
        'CONFIG proxy.config.log.logging_enabled INT 0',
        `CONFIG proxy.config.cache.ram_cache.size INT ${MEMORY_MEBIBYTES}M`,
        'CONFIG proxy.config.cache.ram_cache_cutoff INT 16M',
        // One fetch for many: readers follow the writer, and wait for its headers rather than ask themselves.
        'CONFIG proxy.config.cache.enable_read_while_writer INT 1',
        'CONFIG proxy.config.http.background_fill_active_timeout INT 0',
        'CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.0',
        'CONFIG proxy.config.http.cache.max_open_read_retries INT 100',
        'CONFIG proxy.config.http.cache.open_read_retry_time INT 10',
        'CONFIG proxy.config.http.cache.max_open_write_retries INT 1',
        'CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 120',
        'CONFIG proxy.config.net.connections_throttle INT 30000',
      ],
    }),
  )
}

/** Starts a program that `prepare` names with its arguments, given a folder of its own and a port to listen on. */
export async function startPeer(
  name: string,
  prepare: (folder: string, port: number) => string[],
): Promise<ServerProcess> {
  const folder = makeFolder(name)
  const port = await freePort()
  const [program = name, ...args] = prepare(folder, port)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  endWithUs(child)
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`${name} ended:\n${printed}`)
  }
  return {
    port,
    pid: child.pid ?? 0,
    output: () => printed,
    close: async () => {
      await endProcess(child)
      removeFolder(folder)
    },
  }
}
