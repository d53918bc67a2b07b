import numpy as np,time
t=time.process_time
for n in (50,100,120,240):
    a=np.random.default_rng(0).normal(size=(n,1024)); g=a@a.T
    def T(f,k=30):
        f(); best=9
        for _ in range(5):
            b=t(); [f() for _ in range(k)]; best=min(best,(t()-b)/k)
        return round(best*1e3,3)
    print(n,'eigh',T(lambda:np.linalg.eigh(g)),'vals',T(lambda:np.linalg.eigvalsh(g)),'chol',T(lambda:np.linalg.cholesky(g)),'inv',T(lambda:np.linalg.inv(g)),'solve24',T(lambda:np.linalg.solve(g,a[:,:24])),'gram',T(lambda:a@a.T),'centre-ish',T(lambda:a-a.mean(0)),'max',T(lambda:a.max(0)==a.min(0)),'eq',T(lambda:(a==a[0]).all(0)),'exp',T(lambda:np.exp(a)),'tof64',T(lambda:np.array(a,np.float64)),'fin',T(lambda:np.isfinite(a).all(axis=1)))
