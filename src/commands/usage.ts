/** What `--help` prints: every command with its options, and the exit codes, as they are. */

export const USAGE = `segment-shield: a caching segment reverse proxy

Usage:
  segment-shield serve FILE                           serve what the configuration FILE says
  segment-shield check FILE                           say whether FILE is right, without starting
  segment-shield demo [OPTIONS]                       play a sample stream through the shield on this machine
  segment-shield sign URL --config FILE [OPTIONS]     print URL with a token that its route in FILE takes
  segment-shield sign URL --key-env NAME [OPTIONS]    the same without a configuration; or --key-file FILE
  segment-shield purge [URL…] SHIELD [OPTIONS]        take out of a running shield's memory what is named
  segment-shield warm [URL…] SHIELD [OPTIONS]         have it fetch ahead what is named
  segment-shield reload SHIELD [--json]               have it read its configuration and certificates again
  segment-shield stats SHIELD [--json]                its figures, anew each second on a terminal
  segment-shield --help
  segment-shield --version

SHIELD is the admin listener: --admin http://127.0.0.1:9090, or --config FILE to have it from the configuration.
Its token comes from there or from SEGMENT_SHIELD_TOKEN in the environment. --json: as the shield says it.

Options of purge, which may be given several times:
  --prefix PATH      what begins with this, and
  --pattern PATTERN  what this covers, as the match of a route
  --key KEY          what names this key in Surrogate-Key, Cache-Tag or the metadata of the bucket
  --everything       all of it
  --soft             stale from now on, instead of gone

Options of warm:
  --playlist URL     an HLS playlist and all that it leads to; may be given several times
  --max-bandwidth N  of its renditions, in bits per second
  --max-height N     of its renditions, in pixels
  --concurrency N    requests at once, 1 to 64 (default 8)

Options of demo:
  --port N        port of its page (default 8080, 0: any)
  --s3-port N     port of its S3 server (default 9100, 0: any)
  --admin-port N  port of its dashboard (default 9090, 0: any)

Options of sign, which makes tokens of the scheme hmac:
  URL                https://host/path, or the path alone
  --config FILE      configuration whose route says the key, where tokens are carried and what they are called
  --key-env NAME     environment variable that holds the key; keys are never taken from the command line
  --key-file FILE    file that holds the key; white space around it does not count
  --key-name NAME    name of the key (default: the first one of the route; k1 without a configuration)
  --covers PATH      what the token is good for: a path, and all below it if it ends in a slash
                     (default: a playlist's folder; for anything else the path itself)
  --expires TIME     how long it is good: 90s, 30m, 6h, 2d (default 6h)
  --ip ADDRESS       the only client that may use it; of an IPv6 address its /64
  --in PLACE         path, query or cookie (default: the first one of the route; path without a configuration)
  --name NAME        what it is called there, without a configuration (default token)

  -h, --help     this text
  --version      the version

Exit codes: 0 all is well, 1 it could not start or broke down, 2 the configuration or the arguments are wrong
`
