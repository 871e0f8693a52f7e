* Wrong answer of HiGHS 1.12 to 1.15.1 with presolve on (integer columns with coefficients at or below 1e-6).
* Source: the defect cases handed to this project with its first issue. The optimum is 1.98.
NAME        
ROWS
 N  Obj     
 E  r0      
 E  r1      
 E  r2      
 E  r3      
 E  r4      
 E  r5      
 E  r6      
 E  r7      
 E  r8      
 E  r9      
 E  r10     
 E  r11     
 E  r12     
 E  r13     
 E  r14     
 E  r15     
 E  r16     
 E  r17     
 E  r18     
 E  r19     
 E  r20     
 E  r21     
 E  r22     
 E  r23     
 E  r24     
 E  r25     
 E  r26     
 E  r27     
 E  r28     
 E  r29     
 E  r30     
 E  r31     
 E  r32     
 E  r33     
 E  r34     
 L  r35     
 L  r36     
 L  r37     
 L  r38     
COLUMNS
    MARK0000  'MARKER'                 'INTORG'
    c0        r0        1
    c0        r35       2.16592913254903e-06
    c1        r0        1
    c1        r36       1.27537874884056e-06
    c2        r0        1
    c2        r37       6.67369539366713e-07
    c3        r0        1
    c3        r38       5.66601421654476e-07
    c4        r1        1
    c4        r35       1.81454652124491e-05
    c5        r1        1
    c5        r36       1.20609581065345e-05
    c6        r1        1
    c6        r37       5.47270131185089e-06
    c7        r1        1
    c7        r38       4.80297425832264e-06
    c8        r2        1
    c8        r35       4.76797371046954e-06
    c9        r2        1
    c9        r36       2.73332640930589e-06
    c10       r2        1
    c10       r37       1.40566926908074e-06
    c11       r2        1
    c11       r38       1.13746381061431e-06
    c12       r3        1
    c12       r35       2.71666132639422e-06
    c13       r3        1
    c13       r36       2.05385850123079e-06
    c14       r3        1
    c14       r37       8.70466315870254e-07
    c15       r3        1
    c15       r38       7.47945405665984e-07
    c16       r4        1
    c16       r35       2.35117445615859e-05
    c17       r4        1
    c17       r36       1.55106360833989e-05
    c18       r4        1
    c18       r37       7.06377630683783e-06
    c19       r4        1
    c19       r38       6.21919935192061e-06
    c20       r5        1
    c20       r35       3.23647154892549e-07
    c21       r5        1
    c21       r36       1.84933338644239e-07
    c22       r5        1
    c22       r37       7.5086349301697e-08
    c23       r5        1
    c23       r38       6.8273725119479e-08
    c24       r6        1
    c24       r35       1.90384254417719e-05
    c25       r6        1
    c25       r36       1.39757933354166e-05
    c26       r6        1
    c26       r37       5.71272247433298e-06
    c27       r6        1
    c27       r38       5.06915197906654e-06
    c28       r7        1
    c28       r35       5.66030170223048e-05
    c29       r7        1
    c29       r36       4.0014475083125e-05
    c30       r7        1
    c30       r37       1.7685509515795e-05
    c31       r7        1
    c31       r38       1.59441731707804e-05
    c32       r8        1
    c32       r35       0.00028899697262629
    c33       r8        1
    c33       r36       0.000217945276042553
    c34       r8        1
    c34       r37       8.63761007595024e-05
    c35       r8        1
    c35       r38       7.80874870769813e-05
    c36       r9        1
    c36       r35       1.52687898541294e-05
    c37       r9        1
    c37       r36       9.12121811769861e-06
    c38       r9        1
    c38       r37       3.77671684243793e-06
    c39       r9        1
    c39       r38       3.40752778166476e-06
    c40       r10       1
    c40       r35       8.36856941508104e-06
    c41       r10       1
    c41       r36       3.34046459292599e-06
    c42       r10       1
    c42       r37       1.48972625351592e-06
    c43       r10       1
    c43       r38       1.23467092770643e-06
    c44       r11       1
    c44       r35       2.59762962366754e-05
    c45       r11       1
    c45       r36       2.02315139499986e-05
    c46       r11       1
    c46       r37       7.31145266228204e-06
    c47       r11       1
    c47       r38       6.85084624783911e-06
    c48       r12       1
    c48       r35       0.000659759148450914
    c49       r12       1
    c49       r36       0.000485542718258926
    c50       r12       1
    c50       r37       0.000185249101934282
    c51       r12       1
    c51       r38       0.000172146085709366
    c52       r13       1
    c52       r35       0.000481332617206573
    c53       r13       1
    c53       r36       0.000344075632385231
    c54       r13       1
    c54       r37       0.000131834738354775
    c55       r13       1
    c55       r38       0.000121162196165716
    c56       r14       1
    c56       r35       7.92846615433203e-06
    c57       r14       1
    c57       r36       4.33727827689472e-06
    c58       r14       1
    c58       r37       1.81277153963727e-06
    c59       r14       1
    c59       r38       1.56649749360401e-06
    c60       r15       1
    c60       r35       2.82111398396073e-06
    c61       r15       1
    c61       r36       1.26582900739342e-06
    c62       r15       1
    c62       r37       5.43129777432799e-07
    c63       r15       1
    c63       r38       4.21815822925813e-07
    c64       r16       1
    c64       r35       1.0269813297771e-06
    c65       r16       1
    c65       r36       8.90092879256966e-07
    c66       r16       1
    c66       r37       3.21305637097856e-07
    c67       r16       1
    c67       r38       3.09326045791014e-07
    c68       r17       1
    c68       r35       0.000145052637320679
    c69       r17       1
    c69       r36       0.00010532600860273
    c70       r17       1
    c70       r37       4.02402079764665e-05
    c71       r17       1
    c71       r38       3.7560664870026e-05
    c72       r18       1
    c72       r35       0.000115958086876938
    c73       r18       1
    c73       r36       6.89461883408072e-05
    c74       r18       1
    c74       r37       2.71814700191887e-05
    c75       r18       1
    c75       r38       2.46285137309532e-05
    c76       r19       1
    c76       r35       0.000688337656722871
    c77       r19       1
    c77       r36       0.000357101469862584
    c78       r19       1
    c78       r37       0.000149308377618006
    c79       r19       1
    c79       r38       0.000122669942059954
    c80       r20       1
    c80       r35       0.000123914274924471
    c81       r20       1
    c81       r36       5.61633479774063e-05
    c82       r20       1
    c82       r37       2.43717504332756e-05
    c83       r20       1
    c83       r38       1.82020321557678e-05
    c84       r21       1
    c84       r35       5.72505636978579e-07
    c85       r21       1
    c85       r36       4.67047969419136e-07
    c86       r21       1
    c86       r37       1.50024696373095e-07
    c87       r21       1
    c87       r38       1.47409671888749e-07
    c88       r22       1
    c88       r35       0.000643600866498302
    c89       r22       1
    c89       r36       0.000452050997782705
    c90       r22       1
    c90       r37       0.000162178379416283
    c91       r22       1
    c91       r38       0.00015100771847735
    c92       r23       1
    c92       r35       0.00102114145016687
    c93       r23       1
    c93       r36       0.000584378042843233
    c94       r23       1
    c94       r37       0.000223098438002645
    c95       r23       1
    c95       r38       0.000198085198890504
    c96       r24       1
    c96       r35       0.00892842632719393
    c97       r24       1
    c97       r36       0.00423404706245023
    c98       r24       1
    c98       r37       0.00175868572404153
    c99       r24       1
    c99       r38       0.0014463621285782
    c100      r25       1
    c100      r35       0.001791125
    c101      r25       1
    c101      r36       0.000759466163500678
    c102      r25       1
    c102      r37       0.000356840459019006
    c103      r25       1
    c103      r38       0.000259726371044923
    c104      r26       1
    c104      r35       4.03494522887251e-06
    c105      r26       1
    c105      r36       3.13551916105645e-06
    c106      r26       1
    c106      r37       9.13811643964834e-07
    c107      r26       1
    c107      r38       9.24194579330478e-07
    c108      r27       1
    c108      r35       0.00105053573996836
    c109      r27       1
    c109      r36       0.000726225392722211
    c110      r27       1
    c110      r37       0.000237940441934958
    c111      r27       1
    c111      r38       0.00023423720751248
    c112      r28       1
    c112      r35       0.000894773967981353
    c113      r28       1
    c113      r36       0.000561792343834245
    c114      r28       1
    c114      r37       0.000212912689377354
    c115      r28       1
    c115      r38       0.000186497992789384
    c116      r29       1
    c116      r35       2.08714855111494e-05
    c117      r29       1
    c117      r36       9.60632654073083e-06
    c118      r29       1
    c118      r37       4.05946195105598e-06
    c119      r29       1
    c119      r38       3.27645686068928e-06
    c120      r30       1
    c120      r35       4.03932865731463e-05
    c121      r30       1
    c121      r36       2.49439245107897e-05
    c122      r30       1
    c122      r37       7.95196764966959e-06
    c123      r30       1
    c123      r38       7.75837182448037e-06
    c124      r31       1
    c124      r35       0.00535267314702309
    c125      r31       1
    c125      r36       0.00315901756902115
    c126      r31       1
    c126      r37       0.00106613020329138
    c127      r31       1
    c127      r38       0.00101641632634226
    c128      r32       1
    c128      r35       0.00106984911550468
    c129      r32       1
    c129      r36       0.000611667091619922
    c130      r32       1
    c130      r37       0.000226188792507386
    c131      r32       1
    c131      r38       0.000192893996247655
    c132      r33       1
    c132      r35       8.57442240850542e-05
    c133      r33       1
    c133      r36       4.55100379815518e-05
    c134      r33       1
    c134      r37       1.82821831814813e-05
    c135      r33       1
    c135      r38       1.44512405237767e-05
    c136      r34       1
    c136      r35       4.99710312862109e-05
    c137      r34       1
    c137      r36       2.1268288673352e-05
    c138      r34       1
    c138      r37       8.87102303894679e-06
    c139      r34       1
    c139      r38       6.50158299412031e-06
    c140      Obj       0.99
    c140      r35       -1
    c141      Obj       2.21
    c141      r36       -1
    c142      Obj       4.25
    c142      r37       -1
    c143      Obj       4.98
    c143      r38       -1
    MARK0001  'MARKER'                 'INTEND'
RHS
    RHS_V     r0        64
    RHS_V     r1        64
    RHS_V     r2        64
    RHS_V     r3        64
    RHS_V     r4        64
    RHS_V     r5        64
    RHS_V     r6        64
    RHS_V     r7        64
    RHS_V     r8        64
    RHS_V     r9        64
    RHS_V     r10       64
    RHS_V     r11       64
    RHS_V     r12       64
    RHS_V     r13       64
    RHS_V     r14       64
    RHS_V     r15       64
    RHS_V     r16       64
    RHS_V     r17       64
    RHS_V     r18       64
    RHS_V     r19       64
    RHS_V     r20       64
    RHS_V     r21       64
    RHS_V     r22       64
    RHS_V     r23       64
    RHS_V     r24       64
    RHS_V     r25       64
    RHS_V     r26       64
    RHS_V     r27       64
    RHS_V     r28       64
    RHS_V     r29       64
    RHS_V     r30       64
    RHS_V     r31       64
    RHS_V     r32       64
    RHS_V     r33       64
    RHS_V     r34       64
BOUNDS
 UI BOUND     c0        64
 UI BOUND     c1        64
 UI BOUND     c2        64
 UI BOUND     c3        64
 UI BOUND     c4        64
 UI BOUND     c5        64
 UI BOUND     c6        64
 UI BOUND     c7        64
 UI BOUND     c8        64
 UI BOUND     c9        64
 UI BOUND     c10       64
 UI BOUND     c11       64
 UI BOUND     c12       64
 UI BOUND     c13       64
 UI BOUND     c14       64
 UI BOUND     c15       64
 UI BOUND     c16       64
 UI BOUND     c17       64
 UI BOUND     c18       64
 UI BOUND     c19       64
 UI BOUND     c20       64
 UI BOUND     c21       64
 UI BOUND     c22       64
 UI BOUND     c23       64
 UI BOUND     c24       64
 UI BOUND     c25       64
 UI BOUND     c26       64
 UI BOUND     c27       64
 UI BOUND     c28       64
 UI BOUND     c29       64
 UI BOUND     c30       64
 UI BOUND     c31       64
 UI BOUND     c32       64
 UI BOUND     c33       64
 UI BOUND     c34       64
 UI BOUND     c35       64
 UI BOUND     c36       64
 UI BOUND     c37       64
 UI BOUND     c38       64
 UI BOUND     c39       64
 UI BOUND     c40       64
 UI BOUND     c41       64
 UI BOUND     c42       64
 UI BOUND     c43       64
 UI BOUND     c44       64
 UI BOUND     c45       64
 UI BOUND     c46       64
 UI BOUND     c47       64
 UI BOUND     c48       64
 UI BOUND     c49       64
 UI BOUND     c50       64
 UI BOUND     c51       64
 UI BOUND     c52       64
 UI BOUND     c53       64
 UI BOUND     c54       64
 UI BOUND     c55       64
 UI BOUND     c56       64
 UI BOUND     c57       64
 UI BOUND     c58       64
 UI BOUND     c59       64
 UI BOUND     c60       64
 UI BOUND     c61       64
 UI BOUND     c62       64
 UI BOUND     c63       64
 UI BOUND     c64       64
 UI BOUND     c65       64
 UI BOUND     c66       64
 UI BOUND     c67       64
 UI BOUND     c68       64
 UI BOUND     c69       64
 UI BOUND     c70       64
 UI BOUND     c71       64
 UI BOUND     c72       64
 UI BOUND     c73       64
 UI BOUND     c74       64
 UI BOUND     c75       64
 UI BOUND     c76       64
 UI BOUND     c77       64
 UI BOUND     c78       64
 UI BOUND     c79       64
 UI BOUND     c80       64
 UI BOUND     c81       64
 UI BOUND     c82       64
 UI BOUND     c83       64
 UI BOUND     c84       64
 UI BOUND     c85       64
 UI BOUND     c86       64
 UI BOUND     c87       64
 UI BOUND     c88       64
 UI BOUND     c89       64
 UI BOUND     c90       64
 UI BOUND     c91       64
 UI BOUND     c92       64
 UI BOUND     c93       64
 UI BOUND     c94       64
 UI BOUND     c95       64
 UI BOUND     c96       64
 UI BOUND     c97       64
 UI BOUND     c98       64
 UI BOUND     c99       64
 UI BOUND     c100      64
 UI BOUND     c101      64
 UI BOUND     c102      64
 UI BOUND     c103      64
 UI BOUND     c104      64
 UI BOUND     c105      64
 UI BOUND     c106      64
 UI BOUND     c107      64
 UI BOUND     c108      64
 UI BOUND     c109      64
 UI BOUND     c110      64
 UI BOUND     c111      64
 UI BOUND     c112      64
 UI BOUND     c113      64
 UI BOUND     c114      64
 UI BOUND     c115      64
 UI BOUND     c116      64
 UI BOUND     c117      64
 UI BOUND     c118      64
 UI BOUND     c119      64
 UI BOUND     c120      64
 UI BOUND     c121      64
 UI BOUND     c122      64
 UI BOUND     c123      64
 UI BOUND     c124      64
 UI BOUND     c125      64
 UI BOUND     c126      64
 UI BOUND     c127      64
 UI BOUND     c128      64
 UI BOUND     c129      64
 UI BOUND     c130      64
 UI BOUND     c131      64
 UI BOUND     c132      64
 UI BOUND     c133      64
 UI BOUND     c134      64
 UI BOUND     c135      64
 UI BOUND     c136      64
 UI BOUND     c137      64
 UI BOUND     c138      64
 UI BOUND     c139      64
 LI BOUND     c140      0
 LI BOUND     c141      0
 LI BOUND     c142      0
 LI BOUND     c143      0
ENDATA
