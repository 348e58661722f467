/**
 * Asks a database of SQLite on a host: one order as JSON on standard input, one answer as JSON on standard output. Nothing of the
 * order is in its arguments, which everybody there can read.
 */
export const SQLITE_PYTHON = `import base64,json,math,os,sqlite3,stat,sys,time,urllib.parse
o=json.load(sys.stdin); path=o["path"]
def out(a):
    print(json.dumps(a)); sys.exit(0)
def plain(c):
    if isinstance(c,bytes): return {"bytes":base64.b64encode(c[:65536]).decode(),"length":len(c)}
    if isinstance(c,int) and abs(c)>9007199254740991: return str(c)
    if isinstance(c,float) and not math.isfinite(c): return str(c)
    return c
def short(c):
    if isinstance(c,bytes): return "%d bytes"%len(c)
    return c[:200]+"\\u2026" if isinstance(c,str) and len(c)>200 else plain(c)
def param(c):
    return base64.b64decode(c["bytes"]) if isinstance(c,dict) else c
def q(n): return '"'+n.replace('"','""')+'"'
def fail(kind,words): out({"error":kind,"words":words})
try:
    s=os.stat(path)
    if not stat.S_ISREG(s.st_mode): fail("absent",path+" is not a file")
except (FileNotFoundError,NotADirectoryError): fail("absent","there is no database at "+path)
except OSError as e: fail("open",str(e))
reads=o["do"]!="write"
try:
    d=sqlite3.connect("file:"+urllib.parse.quote(os.path.abspath(path))+"?mode="+("ro" if reads else "rw"),uri=True,timeout=o["busyMs"]/1000.0,isolation_level=None)
    t=time.time()
    if o["do"]=="query":
        c=d.execute(o["text"],[param(x) for x in o["params"]])
        if c.description is None: fail("statement","a query may only read")
        names=[x[0] for x in c.description]; n=0; first=None
        for r in c:
            n+=1
            if first is None: first={k:(plain(v) if k in o["asked"] else short(v)) for k,v in zip(names,r)}
        out({"ok":{"rows":n,"more":False,"first":first,"durationMs":round((time.time()-t)*1000)}})
    if o["do"]=="columns":
        out({"ok":[[n,[r[0] for r in d.execute("select name from pragma_table_info(?)",[n])]] for n in o["tables"]]})
    if o["do"]=="records":
        r=d.execute("select %s from %s limit ?"%(",".join(map(q,o["columns"])),q(o["table"])),[o["max"]+1]).fetchall()
        out({"ok":None if len(r)>o["max"] else [dict(zip(o["columns"],map(plain,x))) for x in r]})
    table=q(o["table"]); names=list(o["row"]); values=[param(o["row"][n]) for n in names]
    triggers=[r[0] for r in d.execute("select name from sqlite_master where type='trigger' and tbl_name=? collate nocase and sql like '%insert%'",[o["table"]])]
    match=" and ".join(q(n)+" is ?" for n in names) or "1"
    keyed=True
    d.execute("begin immediate")
    found=None
    try:
        try: d.execute("select rowid from %s limit 0"%table)
        except sqlite3.Error: keyed=False
        before=0 if keyed else d.execute("select count(*) from %s where %s"%(table,match),values).fetchone()[0]
        c=d.execute("insert into %s (%s) values (%s)"%(table,",".join(map(q,names)),",".join("?"*len(names))) if names else "insert into %s default values"%table,values)
        where,at=("rowid = ?",[c.lastrowid]) if keyed else (match,values)
        found=d.execute("select %s from %s where %s"%(",".join(map(q,names)) or "1",table,where),at).fetchone()
    finally:
        if d.in_transaction: d.execute("rollback")
    count=d.execute("select count(*) from %s where %s"%(table,(where+" and "+match) if keyed else match),(at+values) if keyed else values).fetchone()[0]
    out({"ok":{"found":None if found is None else dict(zip(names,map(plain,found))),"stayed":count>before,"triggers":triggers,"durationMs":round((time.time()-t)*1000)}})
except sqlite3.Warning as e: fail("statement",str(e))
except (sqlite3.Error,ValueError) as e:
    w=str(e)
    if "locked" in w: fail("locked",w)
    if "readonly" in w: fail("readonly",w)
    if "unable to open" in w: fail("open",w)
    if "one statement" in w or isinstance(e,(ValueError,sqlite3.ProgrammingError)): fail("statement",w)
    if isinstance(e,sqlite3.OperationalError) and not any(x in w for x in ("no such table","no such column","has no column","not a database","malformed")): fail("statement",w)
    fail("no",w)
`
