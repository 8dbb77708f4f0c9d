const prefix = 'claimed:';

/** Stands for the digest of a program that nobody here can read: the version that it claims to be. */
export function claimedDigest(version: string): string {
  return prefix + version;
}

/** The version that such a digest stands for; undefined for the digest of something that was read. */
export function claimedVersion(digest: string): string | undefined {
  return digest.startsWith(prefix) ? digest.slice(prefix.length) : undefined;
}
