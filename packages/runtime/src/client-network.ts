/** Of 16 bits, in an IPv6 address. */
const GROUPS = 8;

/**
 * What failures of one client are counted under: an IPv4 address, or the first 64 bits of an IPv6 address, all of which one client has.
 *
 * @param address of a socket, which has none once it is closed
 */
export function clientNetwork(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const left = Array.from({ length: Math.max(0, GROUPS - groups.length - after.length) }, () => '0');
  return `${[...groups, ...left, ...after].slice(0, GROUPS / 2).join(':')}::/64`;
}
