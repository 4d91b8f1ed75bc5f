"""ELF files of an image for another machine: elfscan.py http://HOST/v2/NAME TAG MACHINE..."""
import json, struct, sys, tarfile, urllib.request

base, tag, native = sys.argv[1], sys.argv[2], set(map(int, sys.argv[3:]))
accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
manifest = json.load(urllib.request.urlopen(urllib.request.Request(f"{base}/manifests/{tag}", headers=accept)))
found = {}
for layer in manifest["layers"]:
    blob = urllib.request.urlopen(f"{base}/blobs/{layer['digest']}")
    with tarfile.open(fileobj=blob, mode="r|gz") as tar:
        for entry in tar:
            found.pop(entry.name, None)
            if entry.isreg() and entry.size >= 20:
                head = tar.extractfile(entry).read(20)
                if head[:4] == b"\x7fELF":
                    found[entry.name] = struct.unpack(">H" if head[5] == 2 else "<H", head[18:20])[0]
print("\n".join("/" + path for path, machine in sorted(found.items()) if machine not in native))
